// Package server answers ClickHouse's HTTP interface for one embedded engine, so that
// clickhouse-go, curl, Grafana and other clients of a ClickHouse server work unchanged.
//
// A request becomes: check who asks, read the statement (package statement decides what
// may run), open a session of the engine, set the database and settings, run the one
// statement, answer. Every request has its own engine session, so that settings cannot
// leak; requests with a session_id share one.
//
// What differs from a server is written where it happens; the main points: data blocks
// are always those of protocol revision 0, one account has all rights on one database,
// the query id is ours and not the engine's, and files, URLs and other databases are out
// of reach.
package server
