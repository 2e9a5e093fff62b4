package clickhouse

import (
	"context"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// params are server-side parameters, name and value in turn: the text of a query
// holds {name:Type}, and the value goes beside it.
func params(pairs ...string) []any {
	out := make([]any, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, ch.Named(pairs[i], pairs[i+1]))
	}
	return out
}

func (s *Store) exec(ctx context.Context, statement string) error { return s.conn.Exec(ctx, statement) }

// insert writes one block. rows calls add once for each row, with one value for
// each column. The statement's text holds names from our own lists only.
func (s *Store) insert(ctx context.Context, table string, columns []string, size int, rows func(add func(...any) error) error) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second+time.Duration(size)*100*time.Microsecond)
	defer cancel()
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+s.database+"."+table+" (`"+strings.Join(columns, "`, `")+"`)")
	if err != nil {
		return err
	}
	defer func() { _ = batch.Abort() }()
	if err := rows(batch.Append); err != nil {
		return err
	}
	return batch.Send()
}
