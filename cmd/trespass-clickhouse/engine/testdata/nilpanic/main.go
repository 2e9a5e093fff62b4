//go:build linux && amd64

// Command nilpanic opens the engine and dereferences nil in Go, which must be an ordinary
// panic. It is a program of its own because without the signal handlers put back it hangs.
package main

import (
	"fmt"
	"os"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(dir, library string) error {
	lock, err := engine.Acquire(dir)
	if err != nil {
		return err
	}
	defer lock.Release()
	e, err := engine.Open(engine.Options{
		Dir: dir, Library: library, Pin: engine.PinnedLibrary(), CPU: engine.HostCPU(), Database: "d", MemoryBytes: 600 << 20,
	})
	if err != nil {
		return err
	}
	defer e.Close()
	for range 3 { // also after more connections and a fault
		c, err := e.Connect()
		if err != nil {
			return err
		}
		if err := dereference(nil); err == nil {
			return fmt.Errorf("nil was dereferenced")
		}
		out, _, err := c.Exec("SELECT count() > 0 FROM system.stack_trace", "TabSeparated", nil)
		c.Close()
		if err != nil || string(out) != "1\n" {
			return fmt.Errorf("the engine's own signal: %q %w", out, err)
		}
	}
	fmt.Println("recovered")
	return nil
}

func dereference(p *int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	*p = 1
	return nil
}
