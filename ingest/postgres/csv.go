package postgres

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"trespass.dev/trespass/ingest/decode"
)

// CSV holds CSV holds CSV here: a field of csvlog is pgaudit's line, and a field of that
// is the list of parameters. Each layer writes the quotes of the one inside twice, so in
// the bytes of the record a quote of the list is four quotes. No layer is decoded to read
// the next: a text is read by its width, which is the number of bytes that a quote in it
// takes, and only what is wanted at the end is written anew.

// field is where one field of a CSV text stands, without the quotes around it. Lines are
// short enough for 32 bits, see decode.MaxLine.
type field struct {
	from, to int32
	quoted   bool
	doubled  bool // it holds quotes, each written twice
}

// in gives the bytes of the field in its text.
func (f field) in(text []byte) []byte { return text[f.from:f.to] }

// inner gives the width of the field as a text of its own, in a text of width w.
func (f field) inner(w int) int {
	if f.quoted {
		return 2 * w
	}
	return w
}

// text gives what the field means, in a text of width w; only doubled quotes need new
// memory.
func (f field) text(text []byte, w int, mem *decode.Scratch) []byte {
	if !f.doubled {
		return f.in(text)
	}
	return single(f.in(text), '"', 2*w, mem)
}

// undouble writes each doubled quote of text once.
func undouble(text []byte, quote byte, mem *decode.Scratch) []byte {
	return single(text, quote, 2, mem)
}

// single writes one quote for each of w.
func single(text []byte, quote byte, w int, mem *decode.Scratch) []byte {
	dst := mem.Bytes(len(text))
	n, i := 0, 0
	for i+8 <= len(text) {
		word := binary.LittleEndian.Uint64(text[i:])
		binary.LittleEndian.PutUint64(dst[n:], word) // there is room: n is never ahead of i
		q := zeros(word ^ ones*uint64(quote))
		if q == 0 {
			i, n = i+8, n+8
			continue
		}
		near := bits.TrailingZeros64(q) >> 3
		i, n = i+near, n+near
		for ; i < len(text) && text[i] == quote; i += w {
			dst[n] = quote
			n++
		}
	}
	for ; i < len(text); i++ {
		dst[n] = text[i]
		n++
		if text[i] == quote {
			i += w - 1
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

// separators marks commas, quotes and newlines, as zeros does; and stars, to save work.
func separators(w uint64) uint64 {
	comma, quote := w^ones*',', (w|ones*0x28)^ones*'*'
	return ((comma-ones)&^comma | (quote-ones)&^quote) & highs
}

// split finds the fields of a text of width w. Fields beyond len(fields) are counted and
// no more.
func split(text []byte, w int, fields []field) (n int, wrong *csvError) {
	for i := 0; ; i++ {
		// What a record does not say is empty, and that is most of csvlog's last columns.
		for i+8 <= len(text) && n+8 <= len(fields) && binary.LittleEndian.Uint64(text[i:i+8]) == ones*',' {
			clear(fields[n : n+8])
			i, n = i+8, n+8
		}
		var f field
		if i < len(text) && text[i] == '"' {
			if f, i, wrong = quotedField(text, i, w); wrong != nil {
				return n, wrong
			}
		} else {
			from := i
			// Most fields are shorter than a word of eight bytes.
			if i+8 <= len(text) {
				stop := separators(binary.LittleEndian.Uint64(text[i : i+8]))
				i += bits.TrailingZeros64(stop) >> 3 // 8 if there is none
			}
			if i == len(text) || text[i] != ',' {
				if i = separator(text, i); i < len(text) && text[i] != ',' {
					return n, bare(text, i)
				}
			}
			f.from, f.to = int32(from), int32(i)
		}
		if n < len(fields) {
			fields[n] = f
		}
		if n++; i == len(text) {
			return n, nil
		}
	}
}

// nextField reads the field that begins at from. It gives where the comma after it is,
// or len(text).
func nextField(text []byte, from, w int) (f field, end int, wrong *csvError) {
	if from < len(text) && text[from] == '"' {
		return quotedField(text, from, w)
	}
	if end = separator(text, from); end < len(text) && text[end] != ',' {
		return f, end, bare(text, end)
	}
	return field{from: int32(from), to: int32(end)}, end, nil
}

// separator gives the place of the first comma, quote or newline from i on, or len(text).
func separator(text []byte, i int) int {
	for ; i+8 <= len(text); i += 8 {
		if stop := separators(binary.LittleEndian.Uint64(text[i : i+8])); stop != 0 {
			if i += bits.TrailingZeros64(stop) >> 3; text[i] == ',' {
				return i
			}
			break
		}
	}
	for i < len(text) && text[i] != ',' && text[i] != '"' && text[i] != '\n' {
		i++
	}
	return i
}

// bare says what is wrong with a field without quotes that holds what is at i.
func bare(text []byte, i int) *csvError {
	if text[i] == '"' {
		return &csvError{decode.BadCSV, i, "a quote inside a field that has none around it"}
	}
	return &csvError{decode.BadCSV, i, "a newline outside of quotes: two records in one"}
}

// nextQuote gives the place of the first quote from i on, or -1.
func nextQuote(b []byte, i int) int {
	if n := bytes.IndexByte(b[i:], '"'); n >= 0 {
		return i + n
	}
	return -1
}

// quotedField reads the field whose quote is at i.
func quotedField(text []byte, i, w int) (f field, end int, wrong *csvError) {
	i += w
	if i > len(text) {
		return f, len(text), &csvError{decode.Cut, len(text), "a quote is not closed"}
	}
	f.from, f.quoted = int32(i), true
	for {
		begin := -1
		for far := i + 40; i+8 <= len(text) && i < far; i += 8 { // most are near
			if q := zeros(binary.LittleEndian.Uint64(text[i:i+8]) ^ ones*'"'); q != 0 {
				begin = i + bits.TrailingZeros64(q)>>3
				break
			}
		}
		if begin < 0 {
			begin = nextQuote(text, i)
		}
		if begin < 0 {
			return f, len(text), &csvError{decode.Cut, len(text), "a quote is not closed"}
		}
		for i = begin; i < len(text) && text[i] == '"'; i++ {
		}
		n := i - begin // as w is a power of two, its bit tells an odd number of quotes
		if n&(w-1) != 0 {
			return f, i, &csvError{decode.BadCSV, i, "half of a doubled quote"}
		}
		if n > w {
			f.doubled = true
		}
		if n&w == 0 {
			continue // all of them doubled
		}
		if i < len(text) && text[i] != ',' {
			return f, i, &csvError{decode.BadCSV, i, "text after the quote that closes a field"}
		}
		f.to = int32(i - w)
		return f, i, nil
	}
}
