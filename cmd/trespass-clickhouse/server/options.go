//go:build linux && amd64

package server

import (
	"time"

	"github.com/rs/zerolog"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
)

// Options say what a Server answers with.
type Options struct {
	Engine   *engine.Engine
	Database string         // the database of a request that names none
	Password string         // of the user "default"; must not be empty
	Scratch  string         // directory for answers that have to be held back
	Log      zerolog.Logger // never gets SQL, values or passwords
}

// Limits of one server. They bound memory; ClickHouse's own limits stay as they are.
const (
	maxQueryBytes  = 1 << 20   // SQL text of one request
	maxInsertBytes = 256 << 20 // data of one INSERT, decompressed
	maxConcurrent  = 100       // requests that run at once, as a server's default
	maxSessions    = 256

	defaultSessionTimeout = 60 * time.Second
	maxSessionTimeout     = time.Hour
)
