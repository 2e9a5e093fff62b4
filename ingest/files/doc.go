// Package files reads logs from files, directories, globs and standard input, plain or
// packed with gzip or zstd, whole or followed while they grow.
//
// Each file is a partition of its own: its lines have the origin path:line and pass
// through one ingest.Stream. A Set reads several files as one log, always from the one
// that is furthest behind in event time.
package files
