package postgres

import (
	"bytes"

	"trespass.dev/trespass/ingest/decode"
)

// field is one field of a CSV line as it stands, without the quotes around it.
type field struct {
	raw     []byte
	quoted  bool
	doubled bool // raw holds quotes, each written twice
}

// text gives what the field means; only doubled quotes need new memory.
func (f field) text(mem *decode.Scratch) []byte {
	if !f.doubled {
		return f.raw
	}
	dst := mem.Bytes(len(f.raw))
	n := 0
	for rest := f.raw; ; {
		i := bytes.IndexByte(rest, '"')
		if i < 0 {
			n += copy(dst[n:], rest)
			return dst[:n]
		}
		n += copy(dst[n:], rest[:i+1])
		rest = rest[i+2:]
	}
}

// csvError says what is wrong with a CSV line, and where.
type csvError struct {
	reason decode.Reason
	at     int
	detail string
}

// nextField reads the field that begins at from. It gives where the comma after it is,
// or len(line).
func nextField(line []byte, from int) (f field, end int, err *csvError) {
	if from < len(line) && line[from] == '"' {
		return quotedField(line, from+1)
	}
	i := from
	for ; i < len(line); i++ {
		switch line[i] {
		case ',':
			return field{raw: line[from:i]}, i, nil
		case '"':
			return field{}, i, &csvError{decode.BadCSV, i, "a quote inside a field that has none around it"}
		case '\n':
			return field{}, i, &csvError{decode.BadCSV, i, "a newline outside of quotes: two records in one"}
		}
	}
	return field{raw: line[from:i]}, i, nil
}

// quotedField reads the field whose text begins at from, after its quote.
func quotedField(line []byte, from int) (f field, end int, err *csvError) {
	for i := from; ; {
		q := bytes.IndexByte(line[i:], '"')
		if q < 0 {
			return field{}, len(line), &csvError{decode.Cut, len(line), "a quote is not closed"}
		}
		i += q + 1
		switch {
		case i == len(line) || line[i] == ',':
			return field{line[from : i-1], true, f.doubled}, i, nil
		case line[i] != '"':
			return field{}, i, &csvError{decode.BadCSV, i, "text after the quote that closes a field"}
		}
		f.doubled = true
		i++
	}
}
