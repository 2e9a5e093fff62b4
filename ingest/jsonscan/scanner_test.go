package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"trespass.dev/trespass/ingest/decode"
)

// tree reads any text with the Scanner into what encoding/json would make of it.
func tree(s *Scanner) any {
	switch s.Kind() {
	case Object:
		m := map[string]any{}
		s.Enter(Object, "")
		for key, ok := s.Key(); ok; key, ok = s.Key() {
			k := string(key)
			m[k] = tree(s)
		}
		return m
	case Array:
		l := []any{}
		s.Enter(Array, "")
		for s.Next() {
			l = append(l, tree(s))
		}
		return l
	case String:
		return strings.Clone(s.Text(""))
	case Number:
		return json.Number(s.Number(""))
	case Bool:
		return s.Bool("")
	default:
		s.Skip()
		return nil
	}
}

func scan(text []byte) (any, error) {
	var (
		s   Scanner
		mem decode.Scratch
	)
	s.Reset(text, &mem)
	v := tree(&s)
	s.End()
	return v, s.Err("json")
}

func skip(text []byte) error {
	var (
		s   Scanner
		mem decode.Scratch
	)
	s.Reset(text, &mem)
	s.Skip()
	s.End()
	return s.Err("json")
}

var texts = []string{
	`{"a":1,"b":[true,false,null],"c":{"d":"e"}}`,
	`{"a":1,"a":2,"a":{"b":3}}`,
	" \t\r\n{ \"a\" : [ 1 , 2 ] } \n",
	`"plain"`, `"a\"b\\c\/d\b\f\n\r\t"`, `"\u0041\u00e9\u20ac\ud83d\ude00"`, `{"\u0061":"x"}`,
	`"żółć 漢字 😀, long enough to pass a word of eight bytes"`,
	`0`, `-0`, `12.5e+10`, `1E-2`, `3694949039461716331`, `123456789012345678901234567890`,
	`[]`, `{}`, `[[],{}]`, `[1,2,3]`, `true`, `null`,
	`{"a":1,}`, `[1,]`, `[,1]`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `[1 2]`, `{"a":1 "b":2}`,
	`01`, `1.`, `.5`, `-`, `+1`, `1e`, `tru`, `nulll`, `True`, `NaN`, `'a'`,
	`"a`, `"a\`, `"a\u12`, `"\x41"`, `"\u12g4"`, "\"a\nb\"", "\"\x00\"", `{"a":1`, `[1`, `{"a":"b"`, ``, ` `,
	`{}{}`, `1 2`, "\"\xff\"", "\"\xed\xa0\x80\"", `"\ud800"`, `"\ud800\u0041"`, `"\udc00\ud800"`, "{\"\xc3\":1}", `]`, `}`,
	`{"a":[{"b":[{"c":[{}]}]}],"d":"\\\\\\\""}`,
}

// limits of this package that encoding/json does not have
func overLimit(err error) bool {
	var e *decode.Error
	return errors.As(err, &e) && (e.Reason == decode.TooDeep || e.Reason == decode.TooMany)
}

// check compares one text with what encoding/json says of it.
func check(t *testing.T, text []byte) {
	t.Helper()
	skipErr := skip(text)
	if overLimit(skipErr) {
		return
	}
	if valid := json.Valid(text) && utf8.Valid(text); valid != (skipErr == nil) {
		t.Fatalf("%q: valid %v, Skip says %v", text, valid, skipErr)
	}
	got, err := scan(text)
	if err != nil {
		if skipErr == nil && !bytes.Contains(text, []byte(`\u`)) {
			t.Fatalf("%q: Skip takes it, reading says %v", text, err)
		}
		return
	}
	if skipErr != nil {
		t.Fatalf("%q: reading takes it, Skip says %v", text, skipErr)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		t.Fatalf("%q: encoding/json says %v", text, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: got %#v, want %#v", text, got, want)
	}
}

func TestAgainstEncodingJSON(t *testing.T) {
	for _, text := range texts {
		check(t, []byte(text))
		// At every place in a word of eight bytes.
		for pad := range 9 {
			check(t, []byte(strings.Repeat(" ", pad)+text+strings.Repeat(" ", 8)))
		}
	}
}

func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

func TestRefusals(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	wide := "{" + strings.Repeat(`"a":1,`, 1024) + `"a":1}`
	long := "[" + strings.Repeat("1,", 10_000) + "1]"
	for _, tt := range []struct {
		text   string
		reason decode.Reason
		at     int
	}{
		{deep, decode.TooDeep, 64},
		{wide, decode.TooMany, len(wide) - 6},
		{long, decode.TooMany, len(long) - 2},
		{`{"a":"b`, decode.Cut, 7},
		{`{"a":"b"`, decode.Cut, 8},
		{`{"a":"b\`, decode.Cut, 8},
		{`{"a":"\u00`, decode.Cut, 10},
		{`{"a":tr`, decode.Cut, 7},
		{`{"a"`, decode.Cut, 4},
		{`[1,`, decode.Cut, 3},
		{`{"a":x}`, decode.BadJSON, 5},
		{`{"a":1}}`, decode.BadJSON, 7},
		{"[\"\xff\"]", decode.BadUTF8, 2},
		{`["\ud800"]`, decode.BadUTF8, 9},
	} {
		_, err := scan([]byte(tt.text))
		var e *decode.Error
		if !errors.As(err, &e) || e.Reason != tt.reason || e.At != tt.at {
			t.Errorf("%.20q: %v, want %s at byte %d", tt.text, err, tt.reason, tt.at)
		}
	}
	if err := skip([]byte(`["\ud800"]`)); err != nil {
		t.Errorf("half a surrogate pair in a value that nobody reads: %v, want none", err)
	}
	if _, err := scan([]byte(strings.Repeat("[", 64) + strings.Repeat("]", 64))); err != nil {
		t.Errorf("64 levels: %v, want none", err)
	}
}

func TestTypedValues(t *testing.T) {
	var (
		s   Scanner
		mem decode.Scratch
	)
	read := func(text string, f func() any) (any, error) {
		s.Reset([]byte(text), &mem)
		v := f()
		s.End()
		return v, s.Err("json")
	}
	id := func() any { return s.ID("id") }
	text := func() any { return s.Text("name") }
	whole := func() any { return s.Int("rows") }
	yes := func() any { return s.Bool("flag") }
	for _, tt := range []struct {
		text string
		f    func() any
		want any
		err  string
	}{
		{`3694949039461716331`, id, "3694949039461716331", ""},
		{`"a\u0041"`, id, "aA", ""},
		{`null`, id, "", ""},
		{`1.5`, id, "", "bad_field"},
		{`true`, id, "", "bad_field"},
		{`["a"]`, id, "", "bad_field"},
		{`1`, text, "", "bad_field"},
		{`null`, text, "", ""},
		{`-9223372036854775808`, whole, int64(-9223372036854775808), ""},
		{`9223372036854775808`, whole, int64(9223372036854775807), "bad_field"},
		{`"1"`, whole, int64(0), "bad_field"},
		{`true`, yes, true, ""},
		{`false`, yes, false, ""},
		{`"true"`, yes, false, "bad_field"},
		{``, yes, false, "cut"},
		{`?`, text, "", "bad_json"},
	} {
		got, err := read(tt.text, tt.f)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %#v, %v, want %#v, %s", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func BenchmarkSkip(b *testing.B) {
	line := []byte(`{"level":30,"time":1795398957366,"service":"web","env":"production","req":{"id":"req-42","method":"GET","url":"/api/orders/0b9e0d9a?expand=1","headers":{"host":"127.0.0.1:45675","x-request-id":"req-42","user-agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}},"userId":"11111111-1111-4111-8111-111111111111","res":{"statusCode":200},"msg":"request completed"}`)
	var (
		s   Scanner
		mem decode.Scratch
	)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		s.Reset(line, &mem)
		s.Skip()
		s.End()
		if !s.OK() {
			b.Fatal(s.Err("json"))
		}
	}
}

// A log line inside of a shipper's object is one string full of escapes.
func BenchmarkUnescape(b *testing.B) {
	inner := `{"level":30,"time":1795398957366,"req":{"id":"req-42","method":"GET","url":"/api/orders/1"},"userId":"ann","res":{"statusCode":200},"msg":"he said"}`
	line, err := json.Marshal(inner)
	if err != nil {
		b.Fatal(err)
	}
	var (
		s   Scanner
		mem decode.Scratch
	)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		mem.Reset()
		s.Reset(line, &mem)
		if s.Text("") != inner {
			b.Fatal(s.Err("json"))
		}
	}
}

// The plain way must read what the way that knows all of JSON reads, and nothing else.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{`"abcdefghij"`, `"a\"b"`, `"é"`, `"]#!\x7f"`, `"a":1`, `,"key of a field":1`, `,"a" :`, `"a`, "\"\x1f\"", `""`, `"":`} {
		f.Add([]byte(text), 0)
		f.Add([]byte(text+strings.Repeat(" ", 9)), decode.MaxFields)
	}
	f.Fuzz(func(t *testing.T, text []byte, count int) {
		var mem decode.Scratch
		at := func(fresh bool) *Scanner {
			s := new(Scanner)
			s.Reset(text, &mem)
			s.depth, s.fresh = 1, fresh
			s.count[1] = int32(min(max(0, count), decode.MaxFields))
			return s
		}
		for _, fresh := range []bool{true, false} {
			plain, strict := at(fresh), at(fresh)
			if key, ok := plain.plainKey(); !ok {
				if plain.pos != 0 || plain.fresh != fresh || plain.failed {
					t.Fatal("not a plain key, but something moved")
				}
			} else if want, escaped, ok := strict.rawKey(); !ok || escaped || !bytes.Equal(key, want) || !reflect.DeepEqual(plain, strict) {
				t.Fatalf("plain key %q, want %q %v", key, want, strict.Err("json"))
			}
		}
		plain, strict := at(false), at(false)
		if raw, ok := plain.plainText(); !ok {
			if plain.pos != 0 || plain.failed {
				t.Fatal("not a plain string, but something moved")
			}
		} else if want, escaped, ok := strict.oddText(1, 1); !ok || escaped || !bytes.Equal(raw, want) || plain.pos != strict.pos {
			t.Fatalf("plain string %q, want %q %v", raw, want, strict.Err("json"))
		}
		for i := range text {
			j := i
			for j < len(text) && text[j] != '"' && text[j] != '\\' && text[j] >= 0x20 {
				j++
			}
			if got := plainRun(text, i); got != j {
				t.Fatalf("text without escapes from %d ends at %d, want %d", i, got, j)
			}
		}
	})
}
