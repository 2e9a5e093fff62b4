package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the module's folder as seen from this package.
const root = "../../.."

// programs builds trespass and trespass-clickhouse as a user gets them, and gives
// their folder.
func programs(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", dir+string(filepath.Separator), "./cmd/trespass", "./cmd/trespass-clickhouse")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

// dev runs deploy/dev/dev, which brings the real parts.
func dev(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join("deploy", "dev", "dev"), args...)
	cmd.Dir = root
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("deploy/dev/dev %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// parts starts the broker, unless it runs, and tells where the parts are, by the
// names of dev env. What was started is stopped at the end.
func parts(b *testing.B) map[string]string {
	b.Helper()
	need := func(_ string, err error) {
		b.Helper()
		if err != nil {
			b.Fatalf("%v\ninstall the real parts with: make parts", err)
		}
	}
	if _, err := dev("status", "kafka"); err != nil {
		need(dev("start", "kafka"))
		b.Cleanup(func() {
			if _, err := dev("stop", "kafka"); err != nil {
				b.Error(err)
			}
		})
	}
	text, err := dev("env")
	need(text, err)
	env := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		env[name] = strings.Trim(value, `'"`)
	}
	if library := env["TRESPASS_LIBCHDB"]; library == "" {
		b.Fatal("deploy/dev/dev env names no engine library\ninstall the real parts with: make parts")
	} else if _, err := os.Stat(library); err != nil {
		b.Fatalf("%v\ninstall the real parts with: make parts", err)
	}
	return env
}
