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
	return undouble(f.raw, '"', mem)
}

// undouble writes each doubled quote of text once.
func undouble(text []byte, quote byte, mem *decode.Scratch) []byte {
	dst := mem.Bytes(len(text))
	n := 0
	for {
		i := bytes.IndexByte(text, quote)
		if i < 0 {
			n += copy(dst[n:], text)
			return dst[:n]
		}
		n += copy(dst[n:], text[:i])
		// Quotes come in long runs where one encoding holds another.
		for ; i < len(text) && text[i] == quote; i += 2 {
			dst[n] = quote
			n++
		}
		text = text[min(i, len(text)):]
	}
}

// csvError says what is wrong with a CSV line, and where.
type csvError struct {
	reason decode.Reason
	at     int
	detail string
}

// csvStops are the bytes that mean something outside of quotes.
var csvStops = [256]bool{',': true, '"': true, '\n': true}

// nextField reads the field that begins at from. It gives where the comma after it is,
// or len(line).
func nextField(line []byte, from int) (f field, end int, err *csvError) {
	if from < len(line) && line[from] == '"' {
		return quotedField(line, from+1)
	}
	for i := from; i < len(line); i++ {
		if !csvStops[line[i]] {
			continue
		}
		switch line[i] {
		case '"':
			return field{}, i, &csvError{decode.BadCSV, i, "a quote inside a field that has none around it"}
		case '\n':
			return field{}, i, &csvError{decode.BadCSV, i, "a newline outside of quotes: two records in one"}
		}
		return field{raw: line[from:i]}, i, nil
	}
	return field{raw: line[from:]}, len(line), nil
}

// quotedField reads the field whose text begins at from, after its quote.
func quotedField(line []byte, from int) (f field, end int, err *csvError) {
	for i := from; ; {
		q := bytes.IndexByte(line[i:], '"')
		if q < 0 {
			return field{}, len(line), &csvError{decode.Cut, len(line), "a quote is not closed"}
		}
		i += q
		begin := i
		for i < len(line) && line[i] == '"' {
			i++
		}
		if i-begin > 1 {
			f.doubled = true
		}
		if (i-begin)%2 == 0 {
			continue // all of them doubled
		}
		if i < len(line) && line[i] != ',' {
			return field{}, i, &csvError{decode.BadCSV, i, "text after the quote that closes a field"}
		}
		return field{line[from : i-1], true, f.doubled}, i, nil
	}
}
