package main

import (
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
)

// TestAnswersFitTheTerminal: an answer is a table where it fits, and where nobody says
// how wide the place is; else one column a line, without those that are empty.
func TestAnswersFitTheTerminal(t *testing.T) {
	columns := []string{"rule", "summary", "tenant"}
	rows := []table.Row{{"foreign_read", strings.Repeat("long ", 20), ""}, {"stale_session", "short", "acme"}}
	for width, want := range map[int]string{
		0: "│ foreign_read ", 200: "│ foreign_read ", 80: "─── 1 ───\nrule     foreign_read\nsummary  long ",
	} {
		var b strings.Builder
		if err := render(&b, width, columns, rows); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) || !strings.HasSuffix(b.String(), "\n2 rows\n") {
			t.Errorf("width %d:\n%s", width, b.String())
		}
		if width == 80 && strings.Count(b.String(), "tenant") != 1 {
			t.Errorf("an empty column is shown:\n%s", b.String())
		}
	}
	var b strings.Builder
	if err := render(&b, 80, columns, nil); err != nil || b.String() != "No rows.\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}
