// Package screen writes for people: plain text that no log line can take over.
package screen

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// Clean makes text from a log safe to print on a terminal: control characters,
// escape sequences and characters that reverse the direction of writing come out
// as a visible escape.
func Clean(s string) string {
	if strings.IndexFunc(s, unsafeRune) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafeRune(r) {
			const hex = "0123456789abcdef"
			b.WriteString(`\u{`)
			for shift := 20; shift >= 0; shift -= 4 {
				if d := r >> shift; d != 0 || shift == 0 {
					b.WriteByte(hex[d&15])
				}
			}
			b.WriteByte('}')
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// CleanLines is Clean for text of several lines, such as an error that shows part of
// a file: line ends and tabs stay.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j := range cells {
			cells[j] = Clean(cells[j])
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029'
}

// IsTerminal reports whether w is a terminal, so that colour and progress are
// welcome.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Width is how many characters a line of the terminal holds; 0 where w is none, or does
// not say.
func Width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// Modes are the values that Colour takes.
func Modes() []string { return []string{"auto", "always", "never"} }

// Colour decides for one output: "always", "never", or "auto", which asks the
// terminal and the variables NO_COLOR and FORCE_COLOR.
func Colour(mode string, w io.Writer) bool {
	switch {
	case mode == "always":
		return true
	case mode == "never", os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("FORCE_COLOR") != "":
		return true
	}
	return IsTerminal(w) && os.Getenv("TERM") != "dumb"
}
