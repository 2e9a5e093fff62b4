package join

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
)

// filled sets every field below v to a value of its own, so that a field that is not
// taken through the codec, or is taken in the wrong place, shows.
func filled(v reflect.Value, next *int64) {
	*next++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d %s", *next, strings.Repeat("x", int(*next)*7)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(*next * -7_919_000_000_007)
	case reflect.Uint8:
		v.SetUint(uint64(*next%3 + 1))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			filled(v.Index(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), next)
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), next)
		}
	default:
		panic("the codec test does not know " + v.Kind().String())
	}
}

func TestCodecKeepsEveryFieldOfARequest(t *testing.T) {
	for _, fill := range []bool{false, true} {
		var want, got detect.Request
		if fill {
			n := int64(0)
			filled(reflect.ValueOf(&want).Elem(), &n)
		}
		var e encoder
		e.request(&want)
		var a memory.Arena
		d := decoder{s: a.Keep(e.b)}
		d.request(&got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("filled %v:\n%s", fill, diff)
		}
		if d.s != "" {
			t.Errorf("filled %v: %d bytes left over", fill, len(d.s))
		}
	}
}

func TestCodecKeepsEveryFieldOfAStatementButItsText(t *testing.T) {
	for _, fill := range []bool{false, true} {
		var want, got detect.Statement
		if fill {
			n := int64(0)
			filled(reflect.ValueOf(&want).Elem(), &n)
		}
		literals := []string{"a", "", "long" + strings.Repeat("g", 300)}
		var e encoder
		e.statement(&want, literals, "sql_nul")
		d := decoder{s: string(e.b)}
		gotLiterals, undecided := d.statement(&got, &detect.Settings{})
		want.SQL = ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("filled %v:\n%s", fill, diff)
		}
		if diff := cmp.Diff(literals, gotLiterals); diff != "" || undecided != "sql_nul" || d.s != "" {
			t.Errorf("filled %v: literals %s undecided %q, %d bytes left over", fill, diff, undecided, len(d.s))
		}
	}
}

func TestCodecKeepsEveryFieldOfAnExecution(t *testing.T) {
	for _, fill := range []bool{false, true} {
		var want, got detect.StatementLine
		if fill {
			n := int64(0)
			filled(reflect.ValueOf(&want.Statement).Elem(), &n)
			for _, s := range stateTexts(&want) {
				filled(reflect.ValueOf(s).Elem(), &n)
			}
			want.Settings = nil
			want.Failed, want.RoleKnown, want.HasClaims, want.Browser = true, true, true, detect.Yes
			want.Expires, want.Issued = 1<<60, -5
			want.Twins = []detect.Origin{{Source: "app", Partition: 3, Offset: 1 << 40}, {Source: "a.csv", Partition: -1, Offset: 7}}
			want.SettingsFrom = want.Twins[:1]
			want.Literals, want.Undecided = []string{"a", ""}, "sql_nul"
		}
		var e encoder
		e.execution(&want)
		d := decoder{s: string(e.b)}
		d.execution(&got)
		want.SQL = ""
		if diff := cmp.Diff(want, got); diff != "" || d.s != "" {
			t.Errorf("filled %v, %d bytes left over:\n%s", fill, len(d.s), diff)
		}
	}
}
