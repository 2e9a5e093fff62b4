package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trespass.dev/trespass/sink/clickhouse"
)

func askCommand(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ask",
		Short: "Ask who read whose rows, from what is stored",
		Long:  "Ask forensic questions of the stored findings and reads.\n\n" + listQuestions(),
		Args:  noSuchCommand,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(std.out, listQuestions())
			return err
		},
	}
	for _, q := range clickhouse.Questions() {
		cmd.AddCommand(questionCommand(std, q))
	}
	return cmd
}

func listQuestions() string {
	var b strings.Builder
	b.WriteString("Questions:\n")
	for _, q := range clickhouse.Questions() {
		fmt.Fprintf(&b, "\n  trespass ask %s", q.Name)
		for _, p := range q.Params {
			if p.Empty {
				fmt.Fprintf(&b, " [--%s VALUE]", p.Name)
			} else {
				fmt.Fprintf(&b, " --%s VALUE", p.Name)
			}
		}
		fmt.Fprintf(&b, "\n      %s\n      Not answered: %s\n", q.About, q.Cannot)
	}
	b.WriteString("\nAny SQL client can ask the same: SELECT * FROM trespass.ask_who_read(person = 'ID', since = '2026-01-01', until = '2027-01-01')\n")
	return b.String()
}

func questionCommand(std streams, q clickhouse.Question) *cobra.Command {
	to := storeFlags{existing: true}
	var since, until, format string
	var limit int
	values := map[string]*string{}
	cmd := &cobra.Command{
		Use:   q.Name,
		Short: q.About,
		Long:  q.About + "\n\nNot answered: " + q.Cannot + "\n\nIn SQL: SELECT * FROM trespass." + q.View + "(...)",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := clickhouse.Asked{Question: q, Values: map[string]string{}, Limit: limit}
			var err error
			now := time.Now()
			if a.Since, err = parseTime(since, now); err != nil {
				return usageError(fmt.Errorf("--since: %w", err))
			}
			if a.Until, err = parseTime(until, now); err != nil {
				return usageError(fmt.Errorf("--until: %w", err))
			}
			if !a.Since.Before(a.Until) {
				return usageError(fmt.Errorf("--since %s is not before --until %s", since, until))
			}
			if limit < 0 {
				return usageError(fmt.Errorf("--limit %d: want a number of rows, or 0 for all", limit))
			}
			for _, p := range q.Params {
				if !p.Empty && !cmd.Flags().Changed(p.Name) {
					return usageError(fmt.Errorf("ask %s: --%s is missing: %s", q.Name, p.Name, p.About))
				}
				a.Values[p.Name] = *values[p.Name]
			}
			write, ok := answerWriters[format]
			if !ok {
				return usageError(fmt.Errorf("-o %q: want table, json, ndjson or csv", format))
			}
			return to.open(cmd.Context(), func(ctx context.Context, store *clickhouse.Store) error {
				answer, err := store.Ask(ctx, a)
				if err != nil {
					// A schema that is not there is the likelier reason, and the clearer one.
					if st, statusErr := store.Status(ctx, clickhouse.Rendering{}); statusErr == nil && st.Err() != nil {
						return fmt.Errorf("ask %s: %w", q.Name, st.Err())
					}
					return err
				}
				defer func() { _ = answer.Close() }()
				rows, err := write(std.out, answer)
				if err == nil && limit > 0 && rows == limit {
					_, _ = fmt.Fprintf(std.err, "trespass: these are the first %d rows, there may be more: --limit 0 gives all\n", limit)
				}
				return err
			})
		},
	}
	to.flags(cmd)
	for _, p := range q.Params {
		values[p.Name] = cmd.Flags().String(p.Name, "", p.About)
	}
	cmd.Flags().StringVar(&since, "since", "30d", "from then on: a time (2026-11-01, 2026-11-01T12:00:00Z) or so long ago (90m, 24h, 30d)")
	cmd.Flags().StringVar(&until, "until", "0s", "up to then, not included; same forms")
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json, ndjson or csv")
	completeFlag(cmd, "output", "table", "json", "ndjson", "csv")
	cmd.Flags().IntVar(&limit, "limit", 1000, "at most so many rows; 0 for all")
	return cmd
}

// parseTime reads a time, or a span before now.
func parseTime(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: want a time such as 2026-11-01T12:00:00Z, or a span such as 24h or 30d", text)
}

// answerWriters are the forms of an answer. Each gives the number of rows.
var answerWriters = map[string]func(io.Writer, *clickhouse.Answer) (int, error){
	"table": writeTable, "json": writeJSON, "ndjson": writeNDJSON, "csv": writeCSV,
}

func writeJSON(w io.Writer, a *clickhouse.Answer) (int, error) {
	all := []map[string]any{}
	n, err := each(a, func(row []any) error { all = append(all, object(a.Columns, row)); return nil })
	if err != nil {
		return n, err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return n, enc.Encode(all)
}

func writeNDJSON(w io.Writer, a *clickhouse.Answer) (int, error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return each(a, func(row []any) error { return enc.Encode(object(a.Columns, row)) })
}

func writeCSV(w io.Writer, a *clickhouse.Answer) (int, error) {
	out := csv.NewWriter(w)
	if err := out.Write(a.Columns); err != nil {
		return 0, err
	}
	n, err := each(a, func(row []any) error {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = plainCell(cell(v))
		}
		return out.Write(cells)
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return n, err
}

// plainCell keeps a spreadsheet from running a value as a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// each gives the rows one by one, and their number.
func each(a *clickhouse.Answer, do func([]any) error) (n int, err error) {
	for {
		row, err := a.Next()
		if err != nil || row == nil {
			return n, err
		}
		if err := do(row); err != nil {
			return n, err
		}
		n++
	}
}

func object(columns []string, row []any) map[string]any {
	o := make(map[string]any, len(columns))
	for i, c := range columns {
		if t, ok := row[i].(time.Time); ok {
			o[c] = t.Format(time.RFC3339Nano)
			continue
		}
		o[c] = row[i]
	}
	return o
}

func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.Format("2006-01-02 15:04:05.000")
	case string:
		return v
	case []string:
		return strings.Join(v, " ")
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
