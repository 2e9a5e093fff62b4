//go:build linux && amd64

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMissingCPUFeature(t *testing.T) {
	for _, c := range []struct {
		cpu   CPU
		words []string
	}{
		{CPU{SSSE3: false, SSE42: true}, []string{"no SSSE3"}},
		{CPU{SSSE3: true, SSE42: false}, []string{"no SSE4.2"}},
		{CPU{}, []string{"no SSSE3", "no SSE4.2"}},
	} {
		// The library named here does not exist: it must not even be looked for.
		_, err := Open(Options{Dir: t.TempDir(), Library: "/nonexistent", CPU: c.cpu})
		if !errors.Is(err, ErrUnsupported) {
			t.Fatalf("%+v: %v", c.cpu, err)
		}
		for _, word := range c.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("no %q in %q", word, err)
			}
		}
	}
	if err := HostCPU().check(); err != nil {
		t.Errorf("this machine: %v", err)
	}
}

func TestVerifyRemembersOneStateOfOneFile(t *testing.T) {
	dir := t.TempDir()
	file, cache := filepath.Join(dir, "lib"), filepath.Join(dir, "cache")
	pin := Pin{Version: "1", Size: 4, SHA256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("foo")
	if err := Verify(file, cache, pin); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), "3 bytes") || !strings.Contains(err.Error(), InstallHint) {
		t.Errorf("size: %v", err)
	}
	pin.Size = 3
	for range 2 { // from the file, then from the cache
		if err := Verify(file, cache, pin); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	write("bar")
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := Verify(file, cache, pin); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), "altered") {
		t.Errorf("altered in place with its times put back: %v", err)
	}
	write("foo")
	for _, broken := range []string{"", "{", `{"file":{},"sha256":"x"}`} {
		if err := os.WriteFile(cache, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Verify(file, cache, pin); err != nil {
			t.Errorf("with the cache %q: %v", broken, err)
		}
	}
	if err := Verify(file, filepath.Join(dir, "no", "such", "dir"), pin); err != nil {
		t.Errorf("without a place for the cache: %v", err)
	}
	if err := Verify(dir, cache, pin); !errors.Is(err, ErrLibrary) {
		t.Errorf("a directory: %v", err)
	}
}

func TestPinIsTheInstallersPin(t *testing.T) {
	content, err := os.ReadFile("../../../deploy/dev/libchdb.sha256")
	if err != nil {
		t.Fatal(err)
	}
	pin := PinnedLibrary()
	for _, want := range []string{pin.SHA256 + "  libchdb.so", fmt.Sprintf("%d bytes", pin.Size), pin.Version} {
		if !strings.Contains(string(content), want) {
			t.Errorf("deploy/dev/libchdb.sha256 has no %q", want)
		}
	}
}

func TestLockNamesItsHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Announce("127.0.0.1:1234"); err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(dir)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), "127.0.0.1:1234") {
		t.Errorf("second: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestParseException(t *testing.T) {
	for text, want := range map[string]Exception{
		"Code: 60. DB::Exception: Unknown (x) table. (UNKNOWN_TABLE)": {Code: 60, Name: "UNKNOWN_TABLE"},
		"Code: 36. DB::Exception: no name":                            {Code: 36},
		"Code: 99999999999999999999. x":                               {Code: codeUnknown},
		"something else":                                              {Code: codeUnknown, Name: "UNKNOWN_EXCEPTION"},
	} {
		got := parseException(text)
		if got.Code != want.Code || got.Name != want.Name || !strings.Contains(got.Error(), text) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestQuoting(t *testing.T) {
	if got, want := QuoteName("a`b\\"), "`a\\`b\\\\`"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := QuoteString("it's\x00\\"), `'it\'s\0\\'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestNilDereferenceIsAPanic runs the real library in a program built like ours: without
// cgo and the race detector.
func TestNilDereferenceIsAPanic(t *testing.T) {
	library, err := filepath.Abs("../../../.dev/clickhouse/libchdb.so")
	if err != nil {
		t.Fatal(err)
	}
	if named := os.Getenv("TRESPASS_LIBCHDB"); named != "" {
		library = named
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatalf("%v; %s", err, InstallHint)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "nilpanic")
	build := exec.Command("go", "build", "-o", program, "./testdata/nilpanic")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, filepath.Join(dir, "data"), library).CombinedOutput()
	if err != nil || string(out) != "recovered\n" {
		t.Fatalf("%v\n%s", err, out)
	}
}
