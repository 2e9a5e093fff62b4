package screen

import (
	"bytes"
	"testing"
)

// TestClean: nothing that a log line holds moves the cursor, hides text or turns it
// around; what was there stays visible.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain, with ü and 漢": "plain, with ü and 漢",
		"":                    "",
		"\x1b[2Jgone":         `\u{1b}[2Jgone`,
		"a\rb\nc\td":          `a\u{d}b\u{a}c\u{9}d`,
		"\u009b31m":           `\u{9b}31m`,
		"a\u202eb\u2066":      `a\u{202e}b\u{2066}`,
		"zero\u200bwidth":     `zero\u{200b}width`,
		"line\u2028end":       `line\u{2028}end`,
		"tag\U000e0041":       `tag\u{e0041}`,
		"bad\xff\xfe":         `bad\u{fffd}\u{fffd}`,
		"nul\x00":             `nul\u{0}`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) is %q, want %q", in, got, want)
		}
	}
	if got, want := CleanLines("a\x1b\n\tb\r\n"), "a\\u{1b}\n\tb\\u{d}\n"; got != want {
		t.Errorf("CleanLines gives %q, want %q", got, want)
	}
}

// TestColour: the flag, then NO_COLOR, then FORCE_COLOR, then the terminal.
func TestColour(t *testing.T) {
	var file bytes.Buffer
	for _, c := range []struct {
		mode, no, force string
		want            bool
	}{
		{"auto", "", "", false}, {"auto", "", "1", true}, {"auto", "1", "1", false},
		{"always", "1", "", true}, {"never", "", "1", false},
	} {
		t.Setenv("NO_COLOR", c.no)
		t.Setenv("FORCE_COLOR", c.force)
		if got := Colour(c.mode, &file); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
