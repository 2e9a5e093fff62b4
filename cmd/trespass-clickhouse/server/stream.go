//go:build linux && amd64

package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/statement"
)

// streams lists the formats in which chunks of an answer put together are the answer.
// Others have a head or tail, which the library writes once per chunk.
func streams(format string) bool {
	switch format {
	case "Native", "RowBinary", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "JSONEachRow", "NDJSON", "JSONLines":
		return true
	}
	return false
}

// runStream runs a SELECT so that memory does not grow with the answer.
func (s *Server) runStream(c *engine.Conn, st statement.Statement, req *request, a *reply) error {
	rows, err := c.Stream(st.SQL, req.format, req.params)
	if err != nil {
		return err
	}
	defer rows.Close()
	first, err := rows.Next()
	if err != nil {
		return err
	}
	a.format(req.format)
	if first == nil {
		rows.Close()
		return answerEmpty(c, st, req, a)
	}
	if req.waitEnd {
		return s.holdBack(rows, first, a)
	}
	a.summary(rows.Counters())
	return copyRows(a, rows, first)
}

// copyRows writes chunk and everything after it.
func copyRows(to io.Writer, rows *engine.Stream, chunk []byte) error {
	for chunk != nil {
		if _, err := to.Write(chunk); err != nil {
			return err
		}
		var err error
		if chunk, err = rows.Next(); err != nil {
			return err
		}
	}
	return nil
}

// holdBack keeps the answer in a file until the statement is through, so that an error
// late in it still becomes a status.
func (s *Server) holdBack(rows *engine.Stream, first []byte, a *reply) (err error) {
	file, err := os.CreateTemp(s.scratch, "answer-")
	if err != nil {
		return fmt.Errorf("holding the answer back: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := os.Remove(file.Name()); err != nil {
		return fmt.Errorf("holding the answer back: %w", err)
	}
	if err := copyRows(file, rows, first); err != nil {
		return err
	}
	a.summary(rows.Counters())
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("holding the answer back: %w", err)
	}
	_, err = io.Copy(a, file)
	return err
}

// answerEmpty answers a SELECT that has no rows. The library then gives nothing at all;
// clients of the Native format want a block with the columns in it.
func answerEmpty(c *engine.Conn, st statement.Statement, req *request, a *reply) error {
	a.summary(engine.Counters{})
	if req.format != "Native" {
		return nil
	}
	described, _, err := c.Exec("DESCRIBE ("+st.Query+"\n)", "TabSeparated", req.params)
	if err != nil {
		return nil // the SELECT itself went well; an answer without columns is still right
	}
	_, err = a.Write(headerBlock(string(described)))
	return err
}

// headerBlock is a Native block of revision 0 with columns and no rows. The argument is
// the answer to DESCRIBE: name, type and more per line.
func headerBlock(described string) []byte {
	lines := strings.Split(strings.TrimSuffix(described, "\n"), "\n")
	var b proto.Buffer
	b.PutUVarInt(uint64(len(lines)))
	b.PutUVarInt(0)
	for _, line := range lines {
		fields := strings.SplitN(line, "\t", 3)
		if len(fields) < 2 {
			return nil
		}
		b.PutString(unescape(fields[0]))
		b.PutString(unescape(fields[1]))
	}
	return b.Buf
}
