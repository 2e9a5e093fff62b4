// Package decodetest runs a decoder over a folder of stories: testdata/FORMAT/valid/*
// hold lines with the events wanted of them, testdata/FORMAT/invalid/* hold one bad
// line each with the error wanted.
package decodetest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

var update = flag.Bool("update", false, "rewrite the wanted events of valid stories")

// Updating says whether -update was given.
func Updating() bool { return *update }

// Run checks all stories of dir. A valid story is a txtar file: prose, then a file
// "lines", then a file "want", which -update rewrites. An invalid story begins with
// "# wantErr: " and the whole text of the error, and the bad line follows.
func Run(t *testing.T, dir string, newDecoder func() decode.Decoder) {
	t.Run("valid", func(t *testing.T) {
		for _, file := range glob(t, filepath.Join(dir, "valid", "*")) {
			t.Run(filepath.Base(file), func(t *testing.T) { valid(t, file, newDecoder()) })
		}
	})
	t.Run("invalid", func(t *testing.T) {
		for _, file := range glob(t, filepath.Join(dir, "invalid", "*")) {
			t.Run(filepath.Base(file), func(t *testing.T) { invalid(t, file, newDecoder()) })
		}
	})
}

// Seed adds all lines of dir, good and bad, to the corpus of a fuzz target.
func Seed(f *testing.F, dir string) {
	for _, file := range glob(f, filepath.Join(dir, "valid", "*")) {
		for line := range bytes.Lines(section(f, file, "lines")) {
			f.Add(bytes.TrimSuffix(line, []byte("\n")))
		}
	}
	for _, file := range glob(f, filepath.Join(dir, "invalid", "*")) {
		line, _ := badLine(f, file)
		f.Add(line)
	}
}

// Fuzz runs a decoder over one line and checks what every decoder promises: the line
// is not changed, the error is an *decode.Error with a reason of the list, and
// exactly the part that the kind names is set.
func Fuzz(t *testing.T, d decode.Decoder, line []byte) {
	var (
		mem  decode.Scratch
		ev   detect.Event
		copy = bytes.Clone(line)
	)
	err := d.Decode(line, &mem, &ev)
	if !bytes.Equal(line, copy) {
		t.Fatal("the line was changed")
	}
	if err != nil {
		var e *decode.Error
		if !errors.As(err, &e) || !known(e.Reason) || e.Format == "" {
			t.Fatalf("%#v is not an error of a decoder", err)
		}
		return
	}
	if (ev.Request != nil) != (ev.Kind == detect.KindRequest) || (ev.Statement != nil) != (ev.Kind == detect.KindStatement) ||
		(ev.Fact != nil) != (ev.Kind == detect.KindFact) {
		t.Fatalf("kind %d with other parts set: %s", ev.Kind, Dump(ev))
	}
}

func known(r decode.Reason) bool {
	for _, k := range decode.Reasons() {
		if k == r {
			return true
		}
	}
	return false
}

func glob(t testing.TB, pattern string) []string {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in %s: %v", pattern, err)
	}
	return files
}

func section(t testing.TB, file, name string) []byte {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	t.Fatalf("%s has no file %q", file, name)
	return nil
}

func valid(t *testing.T, file string, d decode.Decoder) {
	var (
		mem decode.Scratch
		got strings.Builder
	)
	for line := range bytes.Lines(section(t, file, "lines")) {
		var ev detect.Event
		if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &mem, &ev); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got.WriteString(Dump(ev))
	}
	Want(t, file, got.String())
}

// Want compares got with the file "want" of a story, or rewrites that with -update.
func Want(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kept := a.Files[:0]
		for _, f := range a.Files {
			if f.Name != "want" {
				kept = append(kept, f)
			}
		}
		a.Files = append(kept, txtar.File{Name: "want", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(section(t, file, "want")); got != want {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

func badLine(t testing.TB, file string) (line []byte, wantErr string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, line, ok := bytes.Cut(text, []byte("\n"))
	wantErr, is := strings.CutPrefix(string(head), "# wantErr: ")
	if !ok || !is {
		t.Fatalf("%s does not begin with a line # wantErr: and the error", file)
	}
	return bytes.TrimSuffix(line, []byte("\n")), wantErr
}

func invalid(t *testing.T, file string, d decode.Decoder) {
	line, wantErr := badLine(t, file)
	var (
		mem decode.Scratch
		ev  detect.Event
	)
	err := d.Decode(line, &mem, &ev)
	if err == nil {
		t.Fatalf("%s: taken as %s, want the error %s", file, Dump(ev), wantErr)
	}
	if err.Error() != wantErr {
		t.Errorf("%s:\ngot  %v\nwant %s", file, err, wantErr)
	}
}

// Dump writes what is set of an event, one field a line. LineID is left out: the
// stories are about meaning.
func Dump(ev detect.Event) string {
	var b strings.Builder
	kinds := [...]string{"none", "request", "statement", "fact", "heartbeat"}
	fmt.Fprintf(&b, "%s %s\n", kinds[ev.Kind], instant(ev.Time))
	for _, part := range []any{ev.Request, ev.Statement, ev.Fact} {
		if v := reflect.ValueOf(part); !v.IsNil() {
			dump(&b, "  ", "", v.Elem())
		}
	}
	return b.String()
}

func instant(t int64) string {
	if t == 0 {
		return "at no time"
	}
	return time.Unix(0, t).UTC().Format(time.RFC3339Nano)
}

var instants = map[string]bool{
	"TokenIssued": true, "TokenExpires": true, "ValidFrom": true, "ValidTo": true, "Expires": true, "Issued": true,
}

func dump(b *strings.Builder, indent, name string, v reflect.Value) {
	if v.IsZero() && name != "" {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		dump(b, indent, name, v.Elem())
	case reflect.Struct:
		if name != "" {
			fmt.Fprintf(b, "%s%s:\n", indent, name)
			indent += "  "
		}
		for i := range v.NumField() {
			dump(b, indent, v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			e := v.Index(i)
			if e.Kind() == reflect.String {
				fmt.Fprintf(b, "%s%s[%d]: %q\n", indent, name, i, e.String())
				continue
			}
			dump(b, indent, name+"["+strconv.Itoa(i)+"]", e)
		}
	case reflect.String:
		fmt.Fprintf(b, "%s%s: %q\n", indent, name, v.String())
	default:
		if instants[name] {
			fmt.Fprintf(b, "%s%s: %s\n", indent, name, instant(v.Int()))
			return
		}
		fmt.Fprintf(b, "%s%s: %v\n", indent, name, v.Interface())
	}
}
