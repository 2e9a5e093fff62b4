package clickhouse

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// retry is the pause between tries: from 0.2 s to 15 s, doubling, with jitter.
type retry struct {
	next, most time.Duration
	wait       func(ctx context.Context, d time.Duration) error
}

func newRetry() retry {
	return retry{next: 200 * time.Millisecond, most: 15 * time.Second, wait: sleep}
}

func (r *retry) pause(ctx context.Context) error {
	d := r.next/2 + rand.N(r.next/2+1)
	r.next = min(2*r.next, r.most)
	return r.wait(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// shapeCodes are the server's errors about the rows themselves. Everything else
// is about the world (network, disk, memory, grants, password) and is tried again
// for ever, because the same rows may fit a moment later.
var shapeCodes = map[int32]bool{
	6:   true, // CANNOT_PARSE_TEXT
	27:  true, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	53:  true, // TYPE_MISMATCH
	69:  true, // ARGUMENT_OUT_OF_BOUND
	117: true, // INCORRECT_DATA
	131: true, // TOO_LARGE_STRING_SIZE
	321: true, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
	469: true, // VIOLATED_CONSTRAINT
	691: true, // UNKNOWN_ELEMENT_OF_ENUM
}

const unknownDatabase = 81

// code gives the server's error number, or 0.
func code(err error) int32 {
	var exception *ch.Exception
	if errors.As(err, &exception) {
		return exception.Code
	}
	return 0
}

// isShape reports whether err says that a row can never fit its table.
func isShape(err error) bool {
	var conversion *column.ColumnConverterError
	var e *column.Error
	if errors.As(err, &conversion) || errors.As(err, &e) {
		return true
	}
	return shapeCodes[code(err)]
}

// Brief gives an error's text without rows, addresses of a password, or a stack.
func Brief(err error) string {
	text := err.Error()
	if i := strings.Index(text, "Stack trace"); i >= 0 {
		text = text[:i]
	}
	if len(text) > 400 {
		text = text[:400] + "…"
	}
	return strings.TrimSpace(text)
}

// Passing reports whether an error may go away by itself: the network, a server
// that is starting, short of memory or disk. Wrong passwords and grants are not,
// so that a first start says so at once; a running Writer waits for those too.
func Passing(err error) bool {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return true
	}
	switch code(err) {
	case 159, 202, 209, 210, 241, 242, 243, 252, 999:
		return true
	}
	return false
}
