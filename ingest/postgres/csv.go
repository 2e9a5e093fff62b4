package postgres

import (
	"bytes"
	"encoding/binary"
	"math/bits"

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
	n, i := 0, 0
	for i+8 <= len(text) {
		w := binary.LittleEndian.Uint64(text[i:])
		binary.LittleEndian.PutUint64(dst[n:], w) // there is room: n is never ahead of i
		q := zeros(w ^ ones*uint64(quote))
		if q == 0 {
			i, n = i+8, n+8
			continue
		}
		near := bits.TrailingZeros64(q) >> 3
		i, n = i+near, n+near
		// Quotes come in long runs where one encoding holds another.
		for ; i < len(text) && text[i] == quote; i += 2 {
			dst[n] = quote
			n++
		}
	}
	for ; i < len(text); i++ {
		dst[n] = text[i]
		n++
		if text[i] == quote {
			i++
		}
	}
	return dst[:n]
}

// csvError says what is wrong with a CSV line, and where.
type csvError struct {
	reason decode.Reason
	at     int
	detail string
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeros marks the zero bytes of w. Marks above the lowest may be false.
func zeros(w uint64) uint64 { return (w - ones) &^ w & highs }

// nextField reads the field that begins at from. It gives where the comma after it is,
// or len(line).
func nextField(line []byte, from int) (f field, end int, err *csvError) {
	if from < len(line) {
		switch line[from] {
		case '"':
			return quotedField(line, from+1)
		case ',':
			return field{}, from, nil
		}
	}
	// Most fields are shorter than a word of eight bytes.
	i := from
	for i+8 <= len(line) {
		w := binary.LittleEndian.Uint64(line[i:])
		if stop := zeros(w^ones*',') | zeros(w^ones*'"') | zeros(w^ones*'\n'); stop != 0 {
			i += bits.TrailingZeros64(stop) >> 3
			break
		}
		i += 8
	}
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
	return field{raw: line[from:]}, len(line), nil
}

// nextQuote gives how far the next quote is, or -1. Most are near.
func nextQuote(b []byte) int {
	for i := 0; i+8 <= len(b); i += 8 {
		if q := zeros(binary.LittleEndian.Uint64(b[i:]) ^ ones*'"'); q != 0 {
			return i + bits.TrailingZeros64(q)>>3
		}
		if i == 24 {
			break
		}
	}
	return bytes.IndexByte(b, '"')
}

// quotedField reads the field whose text begins at from, after its quote.
func quotedField(line []byte, from int) (f field, end int, err *csvError) {
	for i := from; ; {
		q := nextQuote(line[i:])
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
