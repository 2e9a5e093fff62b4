package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain runs the test binary as the sandboxed program when it is told to.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SANDBOX_TEST_DIR"); dir != "" {
		os.Exit(inside(dir))
	}
	os.Exit(m.Run())
}

// inside enters the sandbox with rights on dir/mine only and tries what must fail and what
// must work; it prints one line per attempt.
func inside(dir string) int {
	mine, other := filepath.Join(dir, "mine"), filepath.Join(dir, "other")
	if !Inside() {
		err := Enter(Rules{ReadWrite: []string{mine}, Read: append(System(), filepath.Join(dir, "readable"))})
		fmt.Println("enter:", err)
		return 3
	}
	attempt := func(name string, err error) {
		switch {
		case err == nil:
			fmt.Println(name, "worked")
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EXDEV):
			fmt.Println(name, "denied")
		default:
			fmt.Println(name, "failed:", err)
		}
	}
	_, err := os.ReadFile(filepath.Join(other, "secret"))
	attempt("read-other", err)
	attempt("write-other", os.WriteFile(filepath.Join(other, "new"), nil, 0o600))
	attempt("move-other", os.Rename(other, filepath.Join(mine, "taken")))
	_, err = os.ReadFile(filepath.Join(dir, "readable"))
	attempt("read-listed", err)
	attempt("write-listed", os.WriteFile(filepath.Join(dir, "readable"), nil, 0o600))
	attempt("write-mine", os.WriteFile(filepath.Join(mine, "new"), []byte("x"), 0o600))
	attempt("move-in-mine", errors.Join(os.Mkdir(filepath.Join(mine, "sub"), 0o700),
		os.Rename(filepath.Join(mine, "new"), filepath.Join(mine, "sub", "new"))))
	c, err := net.Dial("tcp", os.Getenv("SANDBOX_TEST_ADDR"))
	if err == nil {
		c.Close()
	}
	attempt("connect", err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		l.Close()
	}
	attempt("listen", err)
	return 0
}

func TestInsideOnlyWhatIsAllowedWorks(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"mine", "other"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"other/secret", "readable"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "SANDBOX_TEST_DIR="+dir, "SANDBOX_TEST_ADDR="+l.Addr().String())
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), ErrUnavailable.Error()) {
		t.Skipf("this kernel cannot: %s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{
		"read-other denied", "write-other denied", "move-other denied", "read-listed worked", "write-listed denied",
		"write-mine worked", "move-in-mine worked", "connect denied", "listen worked",
	}
	for _, line := range want {
		if line == "connect denied" && landlockVersion(t) < 4 {
			continue // this kernel has no rules for the network
		}
		if !strings.Contains(string(out), line+"\n") {
			t.Errorf("want %q in:\n%s", line, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other", "secret")); err != nil {
		t.Errorf("the directory outside was touched: %v", err)
	}
}

func landlockVersion(t *testing.T) int {
	t.Helper()
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		t.Fatal(errno)
	}
	return int(v)
}
