//go:build !(linux && amd64)

package main

import (
	"fmt"
	"os"
	"runtime"
)

const exitConfig = 78

func main() {
	fmt.Fprintf(os.Stderr, "trespass-clickhouse: the ClickHouse engine library exists for linux/amd64 only, this is %s/%s; "+
		"use a ClickHouse server instead (trespass scan works without either)\n", runtime.GOOS, runtime.GOARCH)
	os.Exit(exitConfig)
}
