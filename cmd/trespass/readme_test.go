package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReadmeRules holds the README's table of rules to the rules.
func TestReadmeRules(t *testing.T) {
	const begin, end = "<!-- rules -->", "<!-- /rules -->"
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), begin)
	got, _, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("README.md has no %s and %s around the table of rules", begin, end)
	}
	if strings.TrimSpace(got) != strings.TrimSpace(RulesTable()) {
		t.Errorf("README.md's table of rules is not that of the rules. Put the output of trespass rules -o markdown between the markers:\n%s", RulesTable())
	}
}

// TestReadmeRun holds the README's first block to what the command prints, but for the
// places where long lines are folded.
func TestReadmeRun(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const prompt = "```\n$ trespass "
	_, block, found := strings.Cut(string(text), prompt)
	command, block, _ := strings.Cut(block, "\n")
	block, _, closed := strings.Cut(block, "\n```")
	if !found || !closed {
		t.Fatalf("README.md has no block that begins with %q", prompt)
	}
	var out, errs strings.Builder
	if code := run(t.Context(), strings.Fields(command), streams{in: strings.NewReader(""), out: &out, err: &errs}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if want, got := strings.Fields(out.String()), strings.Fields(block); !slices.Equal(got, want) {
		t.Errorf("README.md does not show what trespass %s prints:\n%s", command, out.String())
	}
}
