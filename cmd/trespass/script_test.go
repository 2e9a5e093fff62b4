package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"trespass.dev/trespass/ingest/kafka/kafkatest"
)

// TestScript runs the program as a person does, from the command line, with files of
// its own. The scripts are testdata/script/*.txtar.
func TestScript(t *testing.T) {
	runScripts(t, "testdata/script", build(t, "."), nil)
}

// TestEngineScript does the same with the real embedded engine.
func TestEngineScript(t *testing.T) {
	library := engineLibrary(t)
	runScripts(t, "testdata/engine", build(t, ".", "../trespass-clickhouse"), map[string]string{"TRESPASS_LIBCHDB": library})
}

// TestBrokerScript does the same with a real Kafka.
func TestBrokerScript(t *testing.T) {
	broker, err := kafkatest.Real()
	if err != nil {
		t.Fatalf("no Kafka (deploy/dev/dev install kafka fetches it): %v", err)
	}
	defer broker.Close()
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 2)
	runScripts(t, "testdata/broker", build(t, "."), map[string]string{"BROKER": broker.Addresses[0], "TOPIC": topic})
}

// runScripts runs the scripts of a folder, with the programs of another first in PATH.
func runScripts(t *testing.T, dir, programs string, variables map[string]string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, Cmds: commands(), Condition: condition, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", programs+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("REPO", root)
			env.Setenv("HOME", env.WorkDir)
			for name, value := range variables {
				env.Setenv(name, value)
			}
			return nil
		},
	})
}

// build makes programs as make build does, without the race detector that this test
// may run under: what is tried here is what a person starts.
func build(t *testing.T, packages ...string) (dir string) {
	t.Helper()
	dir = t.TempDir() + "/"
	cmd := exec.Command("go", append([]string{"build", "-o", dir}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %v: %v\n%s", packages, err, out)
	}
	return filepath.Clean(dir)
}

// engineLibrary finds the engine's library.
func engineLibrary(t *testing.T) string {
	t.Helper()
	library := os.Getenv("TRESPASS_LIBCHDB")
	if library == "" {
		library, _ = filepath.Abs("../../.dev/clickhouse/libchdb.so")
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatalf("the embedded engine's library is missing (%v): run deploy/dev/dev install clickhouse", err)
	}
	return library
}
