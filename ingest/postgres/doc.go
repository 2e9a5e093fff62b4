// Package postgres reads what Postgres writes: csvlog, jsonlog, and the text log with
// any log_line_prefix; and inside each of them pgaudit's lines, the statements that
// log_statement and log_min_duration_statement write, and what statements say of the
// session they run in.
//
// A record passes three steps. A carrier (csvlog, jsonlog, text) takes it apart into an
// entry. The body says what the message is: an audit line, a statement, an error, or
// nothing of ours. The text of the statement is walked once, for comments that name the
// request, and for SET and set_config, which change the role and the user that later
// statements run under.
//
// The login role in a record is never the effective role. The effective role and the
// user come as detect.Settings and must be carried forward by the reader of the events,
// within one session and transaction.
//
// Everything is decoded in place: strings of an event point into the record or into the
// Scratch. Nothing is kept of cookies, headers or tokens: the parameters and the text of
// a statement that only sets such values are left out of its event.
package postgres

import "time"

// Options say what a log does not say of itself. The zero value guesses.
type Options struct {
	// TimeZone is the server's log_timezone. It is needed when the log names its zone
	// by an abbreviation that means several zones (CST, IST), or by none. Zones that are
	// offsets, and UTC, are believed whatever TimeZone says.
	TimeZone *time.Location

	// LinePrefix is the server's log_line_prefix, for the text log alone. Empty means
	// that the prefixes in common use are tried on each record.
	LinePrefix string
}
