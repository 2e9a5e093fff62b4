//go:build linux && amd64

package engine

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Opaque handles of the library. They point to memory of the C++ heap and are never
// dereferenced here, save connHandle once: chdb_connect returns a pointer to the handle
// that all other calls take.
type (
	connHandle   uintptr
	resultHandle uintptr
)

// symbols are the functions of the library this program uses, with C's argument order.
// size_t is uint64 (x86-64 only). Pointers to Go memory passed here must be pinned or
// kept alive by the caller for the length of the call; the library copies what it keeps.
type symbols struct {
	connect   func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn func(conn unsafe.Pointer)

	query func(conn connHandle, sql unsafe.Pointer, sqlLen uint64, format unsafe.Pointer, formatLen uint64,
		names, nameLens, values, valueLens unsafe.Pointer, count uint64) resultHandle
	streamQuery func(conn connHandle, sql unsafe.Pointer, sqlLen uint64, format unsafe.Pointer, formatLen uint64,
		names, nameLens, values, valueLens unsafe.Pointer, count uint64) resultHandle
	streamFetch   func(conn connHandle, stream resultHandle) resultHandle
	streamCancel  func(conn connHandle, stream resultHandle)
	destroyResult func(resultHandle)

	resultBuffer       func(resultHandle) unsafe.Pointer
	resultLength       func(resultHandle) uint64
	resultError        func(resultHandle) string
	resultRowsRead     func(resultHandle) uint64
	resultBytesRead    func(resultHandle) uint64
	resultStorageRows  func(resultHandle) uint64
	resultStorageBytes func(resultHandle) uint64
	resultRowsWritten  func(resultHandle) uint64
	resultBytesWritten func(resultHandle) uint64
}

// loadSymbols maps the library into the process and finds its functions. The library
// must have been verified: dlopen of a cut-off file kills the process.
func loadSymbols(path string) (*symbols, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: loading %s: %w", ErrLibrary, path, err)
	}
	s := new(symbols)
	for name, fn := range map[string]any{
		"chdb_connect":                    &s.connect,
		"chdb_close_conn":                 &s.closeConn,
		"chdb_query_with_params_n":        &s.query,
		"chdb_stream_query_with_params_n": &s.streamQuery,
		"chdb_stream_fetch_result":        &s.streamFetch,
		"chdb_stream_cancel_query":        &s.streamCancel,
		"chdb_destroy_query_result":       &s.destroyResult,
		"chdb_result_buffer":              &s.resultBuffer,
		"chdb_result_length":              &s.resultLength,
		"chdb_result_error":               &s.resultError,
		"chdb_result_rows_read":           &s.resultRowsRead,
		"chdb_result_bytes_read":          &s.resultBytesRead,
		"chdb_result_storage_rows_read":   &s.resultStorageRows,
		"chdb_result_storage_bytes_read":  &s.resultStorageBytes,
		"chdb_result_rows_written":        &s.resultRowsWritten,
		"chdb_result_bytes_written":       &s.resultBytesWritten,
	} {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s has no function %s: %w", ErrLibrary, path, name, err)
		}
		purego.RegisterFunc(fn, address)
	}
	return s, nil
}
