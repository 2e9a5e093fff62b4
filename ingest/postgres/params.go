package postgres

import (
	"bytes"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// parameterList gives what follows "parameters: " in a DETAIL. Postgres 17 writes the
// word with a capital.
func parameterList(detail []byte) (list []byte, ok bool) {
	const word = "parameters: "
	if len(detail) < len(word) || !bytes.EqualFold(detail[:len(word)], []byte(word)) {
		return nil, false
	}
	return detail[len(word):], true
}

// detailParams reads $1 = 'it”s', $2 = NULL. A value that log_parameter_max_length has
// cut, which ends in three dots, is unknown. If the list is not whole, known is false
// and the parameters read so far are given.
func detailParams(list []byte, mem *decode.Scratch) (params []detect.Param, known bool) {
	for n := 1; ; n++ {
		number, rest, ok := bytes.Cut(list, []byte(" = "))
		if !ok || n > decode.MaxElements || len(number) < 2 || number[0] != '$' {
			return params, false
		}
		if i, ok := decode.Digits(number[1:]); !ok || i != int64(n) {
			return params, false
		}
		p, rest, ok := detailValue(rest, mem)
		if !ok {
			return params, false
		}
		params = mem.AppendParam(params, p)
		if len(rest) == 0 {
			return params, true
		}
		if list, ok = bytes.CutPrefix(rest, []byte(", ")); !ok {
			return params, false
		}
	}
}

// detailValue reads one value and gives what follows it.
func detailValue(b []byte, mem *decode.Scratch) (p detect.Param, rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(b, []byte("NULL")); ok {
		return detect.Param{Null: true}, rest, true
	}
	if len(b) == 0 || b[0] != '\'' {
		return detect.Param{}, nil, false
	}
	text, end, doubled := singleQuoted(b)
	if end < 0 {
		return detect.Param{}, nil, false
	}
	rest = b[end:]
	if bytes.HasSuffix(text, []byte("...")) {
		return detect.Param{Unknown: true}, rest, true
	}
	if doubled {
		text = undouble(text, '\'', mem)
	}
	return detect.Param{Value: decode.String(text)}, rest, true
}

// singleQuoted gives the text between the quotes that b begins with, and where it goes on
// behind them; end is -1 when the quote is not closed.
func singleQuoted(b []byte) (text []byte, end int, doubled bool) {
	for i := 1; ; {
		q := bytes.IndexByte(b[i:], '\'')
		if q < 0 {
			return nil, -1, doubled
		}
		i += q + 1
		if i == len(b) || b[i] != '\'' {
			return b[1 : i-1], i, doubled
		}
		doubled = true
		i++
	}
}
