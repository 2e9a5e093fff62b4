package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestArrayElements(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
		ok   bool
	}{
		{"{}", nil, true}, {" { } ", nil, true}, {"{{}}", nil, true},
		{"{a}", []string{"a"}, true},
		{"{a,b}", []string{"a", "b"}, true},
		{`{a,"b c",NULL}`, []string{"a", "b c"}, true},
		{`{"NULL","",null}`, []string{"NULL", ""}, true},
		{`{"a\"b","c\\d","e,f","{g}"}`, []string{`a"b`, `c\d`, "e,f", "{g}"}, true},
		{`{ a b , c }`, []string{"a b", "c"}, true},
		{`{{1,2},{3,4}}`, []string{"1", "2", "3", "4"}, true},
		{`[0:1]={a,b}`, []string{"a", "b"}, true},
		{`{a\,b}`, []string{"a,b"}, true},
		{"", nil, false}, {"a", nil, false}, {"{", nil, false}, {"{a", nil, false}, {"{a,}", nil, false}, {"{,a}", nil, false},
		{`{"a}`, nil, false}, {"{a}b", nil, false}, {"{a}}", nil, false}, {"{a}{b}", nil, false}, {`{a"b}`, nil, false}, {`{a\`, nil, false}, {"}", nil, false},
	} {
		got, ok := ArrayElements(nil, c.text)
		if ok != c.ok {
			t.Errorf("ArrayElements(%q) = %q, %v, want %v", c.text, got, ok, c.ok)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("ArrayElements(%q) (-want +got):\n%s", c.text, diff)
		}
	}
	if got, ok := ArrayElements([]string{"kept"}, "{a,{"); ok || len(got) != 1 {
		t.Errorf("dst is %q after a text that is no array", got)
	}
}

func FuzzArrayElements(f *testing.F) {
	for _, seed := range []string{"{}", `{a,"b c",NULL}`, `{{1,2},{3}}`, `[0:1]={a}`, `{"\"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := ArrayElements(nil, text); !ok && len(got) > 0 {
			t.Fatalf("%q is no array but has elements %q", text, got)
		}
	})
}
