package postgres

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

type framingDecoder interface {
	decode.Decoder
	decode.Framer
}

func newStderr(t testing.TB, o Options) *Stderr {
	t.Helper()
	d, err := NewStderr(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// records cuts a text into records, as a reader of a file does.
func records(f decode.Framer, text []byte) (list [][]byte) {
	var rec []byte
	at := decode.Closed
	for line := range bytes.Lines(text) {
		if len(rec) > 0 && at == decode.Closed && !f.Continues(bytes.TrimSuffix(line, []byte("\n"))) {
			list, rec = append(list, rec), nil
		}
		if len(rec) == 0 && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		rec = append(rec, line...)
		at = f.Open(at, line)
	}
	if len(rec) > 0 {
		list = append(list, rec)
	}
	return list
}

// tally counts what became of the records of a log.
type tally struct{ statements, nothing, refused int }

// dump decodes a whole log and writes its events and errors one after another.
func dump(t testing.TB, d framingDecoder, text []byte) (string, tally) {
	t.Helper()
	var (
		b   strings.Builder
		n   tally
		mem decode.Scratch
	)
	for _, rec := range records(d, text) {
		var ev detect.Event
		if err := d.Decode(rec, &mem, &ev); err != nil {
			n.refused++
			fmt.Fprintf(&b, "refused: %v\n", err)
			continue
		}
		if ev.LineID == 0 {
			t.Fatalf("no line id: %.80q", rec)
		}
		switch ev.Kind {
		case detect.KindStatement:
			n.statements++
		default:
			n.nothing++
		}
		b.WriteString(decodetest.Dump(ev))
	}
	return b.String(), n
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: the events are not those that are wanted; the first difference: %s", file, difference(got, string(want)))
	}
}

func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: got %q, want %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
