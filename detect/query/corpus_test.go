package query

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// logged is one line of testdata/corpus.
type logged struct{ Class, Command, Type, Object, SQL string }

func corpus(t testing.TB) []logged {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.ndjson")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var all []logged
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var l logged
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, l)
		}
	}
	return all
}

// TestRealStatementsAreDecided holds the plans against what the database itself
// said that each statement reads and writes.
func TestRealStatementsAreDecided(t *testing.T) {
	cache := NewCache(1000)
	decided := 0
	for _, l := range corpus(t) {
		p, _, err := cache.Plan(l.SQL)
		if strings.Contains(l.SQL, "<REDACTED>") { // pgaudit cuts a password and all behind it
			if err == nil {
				t.Errorf("%q was decided though it is cut", l.SQL)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %q", err, l.SQL)
			continue
		}
		decided++
		switch l.Type {
		case "TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE":
		default:
			continue
		}
		if l.Class != "READ" && l.Class != "WRITE" {
			continue
		}
		table := p.Table(Canonical(l.Object))
		switch {
		case table == nil && behindView[l.Object] && p.Table("vw_test3") != nil:
		case table == nil:
			t.Errorf("%s of %s, but the plan has no such table: %s\n\t%s", l.Command, l.Object, say(p, literalsOf(l.SQL), nil), l.SQL)
		case l.Class == "WRITE" && !table.Write:
			t.Errorf("%s writes %s, but not by the plan: %s\n\t%s", l.Command, l.Object, say(p, literalsOf(l.SQL), nil), l.SQL)
		}
	}
	if decided < 600 {
		t.Errorf("%d statements decided, want at least 600", decided)
	}
}

// behindView are tables that the corpus reads through a view, which the text cannot
// tell.
var behindView = map[string]bool{"public.test3": true}

func literalsOf(sql string) []string {
	var s scanner
	s.scan(sql)
	return s.literals
}
