package files

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event is an access event of one second of a day.
func event(second int) string {
	return fmt.Sprintf(`{"trespass":"access/1","time":"2026-11-23T01:%02d:%02dZ"}`, second/60, second%60)
}

func text(seconds ...int) string {
	var w strings.Builder
	for _, s := range seconds {
		fmt.Fprintln(&w, event(s))
	}
	return w.String()
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprint(w, text)
	w.Close()
	return b.String()
}

func zstandard(t *testing.T, text string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// log is what came of reading: "path:line second" for events, "path:line reason" for refusals.
func log(b *ingest.Batch) (list []string) {
	for _, ev := range b.Events {
		o := ev.Origin
		o.Source = filepath.Base(o.Source)
		list = append(list, fmt.Sprintf("%v %d", o, time.Unix(0, ev.Time).UTC().Minute()*60+time.Unix(0, ev.Time).UTC().Second()))
	}
	for _, q := range b.Quarantined {
		o := q.Origin
		o.Source = filepath.Base(o.Source)
		list = append(list, fmt.Sprintf("%v %s", o, q.Reason))
	}
	return list
}

func readAll(t *testing.T, f *File) (list []string, err error) {
	t.Helper()
	for {
		b := ingest.NewBatch()
		_, err := f.Next(b)
		list = append(list, log(b)...)
		b.Release()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
	}
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got:\n%s\nwant:\n%s", g, w)
	}
}

func TestFile(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 2<<20) + `"}`
	for name, tt := range map[string]struct {
		text string
		want []string
		err  string
	}{
		"plain":               {text(1, 2), []string{"f:1 1", "f:2 2"}, ""},
		"no newline at end":   {text(1) + event(2), []string{"f:1 1", "f:2 2"}, ""},
		"empty":               {"", nil, ""},
		"windows":             {event(1) + "\r\n" + event(2) + "\r\n", []string{"f:1 1", "f:2 2"}, ""},
		"gzip":                {zipped(text(1, 2)), []string{"f:1 1", "f:2 2"}, ""},
		"gzip of two":         {zipped(text(1)) + zipped(text(2)), []string{"f:1 1", "f:2 2"}, ""},
		"zstd":                {zstandard(t, text(1, 2)), []string{"f:1 1", "f:2 2"}, ""},
		"gzip that ends":      {zipped(text(1, 2))[:60], nil, "f:1: the packed file ends early"},
		"a line too long":     {text(1) + long + "\n" + text(2), []string{"f:1 1", "f:3 2", "f:2 too_long"}, ""},
		"the last too long":   {text(1) + long, []string{"f:1 1", "f:2 too_long"}, ""},
		"a record cut at end": {text(1) + `{"trespass":`, []string{"f:1 1", "f:2 cut"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(write(t, filepath.Join(t.TempDir(), "f"), tt.text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := readAll(t, f)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if tt.err != "" {
				return
			}
			order := map[bool][]string{}
			for _, l := range got { // refusals come in the batch of their line, after its events
				digit := strings.ContainsAny(l[len(l)-1:], "0123456789")
				order[digit] = append(order[digit], l)
			}
			equal(t, append(order[true], order[false]...), tt.want...)
			if f.Read() != f.Size() {
				t.Errorf("%d bytes read, size %d", f.Read(), f.Size())
			}
		})
	}
}

// Blocks cut lines anywhere; every line must come once, with its number.
func TestFileLongerThanBlocks(t *testing.T) {
	var w strings.Builder
	const n = 30_000
	for i := range n {
		fmt.Fprintf(&w, `{"trespass":"access/1","time":"2026-11-23T01:00:00Z","event_id":"%d"}`+"\n", i+1)
	}
	f, err := Open(write(t, filepath.Join(t.TempDir(), "f"), w.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := int64(0)
	for {
		b := ingest.NewBatch()
		_, err := f.Next(b)
		for _, ev := range b.Events {
			if line++; ev.Origin.Offset != line || ev.Request.EventID != fmt.Sprint(line) {
				t.Fatalf("line %d: origin %v, event %s", line, ev.Origin, ev.Request.EventID)
			}
		}
		b.Release()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if line != n {
		t.Errorf("%d lines, want %d", line, n)
	}
}

func TestStdin(t *testing.T) {
	f, err := Open(Stdin, Options{Stdin: strings.NewReader(zipped(text(7)))})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := readAll(t, f)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, "-:1 7")
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "d", ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.log", "b.log", "c.txt", "d/e.log", "d/.hidden", "d/.git/f"} {
		write(t, filepath.Join(dir, name), "")
	}
	at := func(names ...string) (list []string) {
		for _, n := range names {
			list = append(list, filepath.Join(dir, n))
		}
		return list
	}
	for _, tt := range []struct {
		paths []string
		want  []string
		err   string
	}{
		{at("c.txt", "a.log"), at("c.txt", "a.log"), ""},
		{at(""), at("a.log", "b.log", "c.txt", "d/e.log"), ""},
		{at("*.log"), at("a.log", "b.log"), ""},
		{at("a.log", "*.log", "a.log"), at("a.log", "b.log"), ""},
		{[]string{"-"}, []string{"-"}, ""},
		{at("no.log", "*.xml", "a.log"), at("a.log"), "no.log"},
		{at("*.xml"), nil, "no file matches"},
		{at("d/.git/.."), at("d/e.log"), ""},
	} {
		got, err := Find(tt.paths)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%v: error %v, want %q", tt.paths, err, tt.err)
		}
		equal(t, got, tt.want...)
	}
}

func TestSetReadsTheFileThatIsBehind(t *testing.T) {
	dir := t.TempDir()
	many := func(from, n int) string { // more than one block
		var w strings.Builder
		for i := range n {
			fmt.Fprintf(&w, `{"trespass":"access/1","time":"2026-11-23T01:%02d:00Z","service":"%s"}`+"\n", from+i*10/n, strings.Repeat("x", 1000))
		}
		return w.String()
	}
	paths := []string{write(t, filepath.Join(dir, "late"), many(30, 1000)), write(t, filepath.Join(dir, "early"), many(0, 1000)),
		write(t, filepath.Join(dir, "facts"), `{"trespass":"fact/1","fact":"table","table":"orders"}`+"\n")}
	s, err := OpenSet(paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var order []string
	for {
		b := ingest.NewBatch()
		f, _, done, err := s.Next(context.Background(), b)
		b.Release()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(f.Path()); len(order) == 0 || order[len(order)-1] != name {
			order = append(order, name)
		}
		if done {
			order[len(order)-1] += " done"
		}
	}
	equal(t, []string{strings.Join(order, ", ")}, "late, early, facts done, early done, late done")
}

func TestSetGoesOnAfterABadFile(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSet([]string{write(t, filepath.Join(dir, "bad"), zipped(text(1))[:40]), write(t, filepath.Join(dir, "good"), text(2))}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	var faults int
	for {
		b := ingest.NewBatch()
		_, _, done, err := s.Next(context.Background(), b)
		got = append(got, log(b)...)
		b.Release()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if faults++; !done || !strings.Contains(err.Error(), "bad:1") {
				t.Errorf("done %v, error %v", done, err)
			}
		}
	}
	equal(t, got, "bad:1 cut", "good:1 2")
	if faults != 1 {
		t.Errorf("%d faults, want 1", faults)
	}
}

// follower reads a followed file step by step.
type follower struct {
	t *testing.T
	f *File
}

// more gives what is new.
func (fo follower) more() (list []string) {
	fo.t.Helper()
	for {
		b := ingest.NewBatch()
		more, err := fo.f.More(b)
		if err != nil {
			fo.t.Fatal(err)
		}
		if more {
			if _, err := fo.f.Next(b); err != nil && !errors.Is(err, io.EOF) {
				fo.t.Fatal(err)
			}
		}
		list = append(list, log(b)...)
		b.Release()
		if !more {
			return list
		}
	}
}

func TestFollow(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), text(1))
	f, err := Open(path, Options{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { f.Close() }()
	got, err := readAll(t, f)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, "f:1 1")
	fo := follower{t, f}
	equal(t, fo.more())

	grow := func(text string) {
		w, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, text)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	grow(event(2)[:30])
	equal(t, fo.more()) // half a line is no line
	grow(event(2)[30:] + "\n" + event(3))
	equal(t, fo.more(), "f:2 2")

	// Renamed: what is left of the old file comes first, without its newline too.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	equal(t, fo.more())
	write(t, path, text(4, 5))
	equal(t, fo.more(), "f:3 3", "f:4 4", "f:5 5")

	// Truncated, and written again.
	write(t, path, text(6))
	equal(t, fo.more(), "f:6 6")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	equal(t, fo.more())
	grow(text(7))
	equal(t, fo.more(), "f:7 7")
}

func TestSetFollows(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), text(1))
	s, err := OpenSet([]string{path}, Options{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := ingest.NewBatch()
	if _, _, _, err := s.Next(ctx, b); err != nil {
		t.Fatal(err)
	}
	equal(t, log(b), "f:1 1")
	b.Reset()
	write(t, path+".new", text(2))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if _, _, done, err := s.Next(ctx, b); err != nil || done {
		t.Fatal(err, done)
	}
	equal(t, log(b), "f:2 2")
	cancel()
	if _, _, _, err := s.Next(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func TestOpenSaysWhat(t *testing.T) {
	if _, err := OpenSet([]string{"/no/such/file"}, Options{}); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("error %v does not name the file", err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: %v", err)
	}
}

// A line number in an origin is that of the first line of a record.
func TestOriginOfARecordOfLines(t *testing.T) {
	record := `2026-11-23 09:13:37.455 UTC,"postgres","shop",29881,"127.0.0.1:48336",6b0403c1.74b9,2,"SELECT",2026-11-23 09:13:37 UTC,3/126,0,LOG,00000,"statement: select id,` + "\n  total\nfrom orders" + `",,,,,,,,,"web","client backend",,0` + "\n"
	f, err := Open(write(t, filepath.Join(t.TempDir(), "f"), record+record), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := ingest.NewBatch()
	if _, err := f.Next(b); !errors.Is(err, io.EOF) || len(b.Events) != 2 || len(b.Quarantined) > 0 {
		t.Fatal(err, log(b))
	}
	for i, want := range []int64{1, 4} {
		if ev := b.Events[i]; ev.Kind != detect.KindStatement || ev.Origin.Offset != want {
			t.Errorf("record %d: kind %d at line %d, want a statement at line %d", i, ev.Kind, ev.Origin.Offset, want)
		}
	}
}
