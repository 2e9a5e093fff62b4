//go:build linux && amd64

package engine

import (
	"runtime"
	"unsafe"
)

// Param is a named parameter of a statement. Value is text escaped as a field of
// TabSeparated, as in ClickHouse's HTTP interface.
type Param struct {
	Name  string
	Value string
}

// Counters are the engine's figures for one statement.
type Counters struct {
	ReadRows, ReadBytes       uint64
	WrittenRows, WrittenBytes uint64
}

// Conn is one session of the engine: settings, current database and temporary tables are
// its own. It runs one statement at a time; its methods block for as long as the
// statement runs and must not be called at the same time. To stop a running statement use
// [Engine.Kill] from elsewhere.
type Conn struct {
	symbols *symbols
	owner   unsafe.Pointer // what chdb_connect returned and chdb_close_conn takes
	handle  connHandle
}

// Exec runs one statement and returns its whole output in the given format. The output is
// in memory at once: for results without a bound use Stream.
func (c *Conn) Exec(sql, format string, params []Param) ([]byte, Counters, error) {
	result := c.call(c.symbols.query, sql, format, params)
	defer c.destroy(result)
	if err := c.failure(result); err != nil {
		return nil, Counters{}, err
	}
	return append([]byte(nil), c.content(result)...), c.counters(result), nil
}

// Stream starts a statement that returns rows. It must be closed, and no other statement
// may run on the connection before that. Each chunk is a whole document of the format, so
// only formats without a head or tail are right: Native, RowBinary, TabSeparated, CSV,
// JSONEachRow.
func (c *Conn) Stream(sql, format string, params []Param) (*Stream, error) {
	result := c.call(c.symbols.streamQuery, sql, format, params)
	if err := c.failure(result); err != nil {
		c.destroy(result)
		return nil, err
	}
	return &Stream{conn: c, handle: result}, nil
}

// Close ends the session. The connection must not be used afterwards.
func (c *Conn) Close() {
	if c.owner != nil {
		c.symbols.closeConn(c.owner)
		c.owner = nil
	}
}

type queryFunc func(conn connHandle, sql unsafe.Pointer, sqlLen uint64, format unsafe.Pointer, formatLen uint64,
	names, nameLens, values, valueLens unsafe.Pointer, count uint64) resultHandle

// call hands strings to the library. It copies what it needs before it returns, so the Go
// memory is pinned for the length of the call only.
func (c *Conn) call(fn queryFunc, sql, format string, params []Param) resultHandle {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	pin := func(s string) unsafe.Pointer {
		b := append([]byte(s), 0) // never empty, so that there is an address
		pinner.Pin(&b[0])
		return unsafe.Pointer(&b[0])
	}
	if len(params) == 0 {
		return fn(c.handle, pin(sql), uint64(len(sql)), pin(format), uint64(len(format)), nil, nil, nil, nil, 0)
	}
	names, values := make([]unsafe.Pointer, len(params)), make([]unsafe.Pointer, len(params))
	nameLens, valueLens := make([]uint64, len(params)), make([]uint64, len(params))
	for i, p := range params {
		names[i], nameLens[i] = pin(p.Name), uint64(len(p.Name))
		values[i], valueLens[i] = pin(p.Value), uint64(len(p.Value))
	}
	pinner.Pin(&names[0])
	pinner.Pin(&values[0])
	pinner.Pin(&nameLens[0])
	pinner.Pin(&valueLens[0])
	return fn(c.handle, pin(sql), uint64(len(sql)), pin(format), uint64(len(format)),
		unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]),
		unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uint64(len(params)))
}

func (c *Conn) failure(result resultHandle) error {
	if result == 0 {
		return NewException(codeUnknown, "UNKNOWN_EXCEPTION", "the engine gave neither a result nor an error")
	}
	if text := c.symbols.resultError(result); text != "" {
		return parseException(text)
	}
	return nil
}

// content is the result's memory in the library: gone when the result is destroyed.
func (c *Conn) content(result resultHandle) []byte {
	n := c.symbols.resultLength(result)
	start := c.symbols.resultBuffer(result)
	if n == 0 || start == nil {
		return nil
	}
	return unsafe.Slice((*byte)(start), n)
}

func (c *Conn) counters(result resultHandle) Counters {
	return Counters{
		ReadRows: c.symbols.resultStorageRows(result), ReadBytes: c.symbols.resultStorageBytes(result),
		WrittenRows: c.symbols.resultRowsWritten(result), WrittenBytes: c.symbols.resultBytesWritten(result),
	}
}

func (c *Conn) destroy(result resultHandle) {
	if result != 0 {
		c.symbols.destroyResult(result)
	}
}
