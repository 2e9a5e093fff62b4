package ingest_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

// What deploy/emit/node.ts wrote under Node 20, once through pino and once to the
// console, says the same, and no value of a row is in it.
func TestEmittedByNode(t *testing.T) {
	path := "testdata/emit/node.ndjson"
	b := readFile(t, path)
	if len(b.Events) != 2 || len(b.Quarantined) > 0 {
		t.Fatal(outcome(b))
	}
	pino, console := decodetest.Dump(b.Events[0]), decodetest.Dump(b.Events[1])
	if pino != console || b.Events[0].LineID != b.Events[1].LineID {
		t.Errorf("through pino:\n%s\nto the console:\n%s", pino, console)
	}
	r := b.Events[0].Request
	if !r.Complete || !r.NoUser || r.Bypass != detect.Yes || len(r.Records) != 1 || r.Records[0].ID != "1000000000000000000" ||
		len(r.Records[0].Owners) != 1 || r.Records[0].Owners[0] != (detect.Owner{Column: "buyer_id", ID: "ann"}) {
		t.Errorf("not what was logged:\n%s", pino)
	}
	if text := read(t, path); bytes.Contains(text, []byte("secret")) || bytes.Contains(text, []byte("99.5")) {
		t.Error("a value of the row is in the line")
	}
}

// What deploy/emit/pre_request.sql wrote in Postgres 15 says the same in all its logs.
func TestEmittedByThePreRequestFunction(t *testing.T) {
	var all []string
	for _, carrier := range []string{"csv", "json", "log"} {
		b := readFile(t, "testdata/emit/pre_request."+carrier)
		if len(b.Quarantined) > 0 || len(b.Events) != 3 {
			t.Fatalf("%s: %s", carrier, outcome(b))
		}
		var w strings.Builder
		for i, ev := range b.Events {
			if set := ev.Statement.Settings; set == nil {
				w.WriteString("nothing\n")
			} else {
				w.WriteString(decodetest.Dump(detect.Event{Kind: detect.KindStatement, Statement: &detect.Statement{Settings: set}}))
			}
			if i == 0 && (ev.Statement.Settings == nil || ev.Statement.Settings.Sub != "ann" || ev.Statement.Settings.RequestID != "req-42" ||
				ev.Statement.Settings.Role != "authenticated" || ev.Statement.Settings.Path != "/orders" || ev.Statement.Settings.Browser != detect.Yes) {
				t.Errorf("%s: %s", carrier, decodetest.Dump(ev))
			}
		}
		all = append(all, w.String())
	}
	if all[0] != all[1] || all[0] != all[2] {
		t.Errorf("csvlog, jsonlog and text differ:\n%s", strings.Join(all, "\n"))
	}
}

// The snippets name what the decoder knows.
func TestEmitSnippetsNameTheFormat(t *testing.T) {
	for file, want := range map[string]string{
		"../deploy/emit/node.ts":         `trespass: "access/1"`,
		"../deploy/emit/pre_request.sql": "raise log 'trespass: %'",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not hold %s", file, want)
		}
	}
}
