package main

import (
	"os"
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
