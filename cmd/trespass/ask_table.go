package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/sink/clickhouse"
)

// writeTable writes a table, or, where a terminal is too narrow for it, each row as
// lines of column and value.
func writeTable(w io.Writer, a *clickhouse.Answer) (int, error) {
	var rows []table.Row
	n, err := each(a, func(row []any) error {
		cells := make(table.Row, len(row))
		for i, v := range row {
			cells[i] = screen.Clean(cell(v))
		}
		rows = append(rows, cells)
		return nil
	})
	if err != nil {
		return n, err
	}
	return n, render(w, screen.Width(w), a.Columns, rows)
}

// render writes rows into so many columns of text; 0 means any number.
func render(w io.Writer, width int, columns []string, rows []table.Row) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "No rows.")
		return err
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	head := make(table.Row, len(columns))
	for i, c := range columns {
		head[i] = c
	}
	t.AppendHeader(head)
	t.AppendRows(rows)
	shown := t.Render()
	if first, _, _ := strings.Cut(shown, "\n"); width > 0 && text.StringWidth(first) > width {
		shown = upright(columns, rows)
	}
	unit := "rows"
	if len(rows) == 1 {
		unit = "row"
	}
	_, err := fmt.Fprintf(w, "%s\n%d %s\n", shown, len(rows), unit)
	return err
}

// upright writes each row as lines of column and value, and leaves out what is empty.
func upright(columns []string, rows []table.Row) string {
	longest := 0
	for _, c := range columns {
		longest = max(longest, len(c))
	}
	var b strings.Builder
	for n, row := range rows {
		fmt.Fprintf(&b, "─── %d ───\n", n+1)
		for i, value := range row {
			if value != "" {
				fmt.Fprintf(&b, "%-*s  %s\n", longest, columns[i], value)
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
