// Package app reads what applications write: Trespass's own access event, any JSON
// by a mapping of its fields, the heartbeat, and the identity line that the PostgREST
// pre-request function puts into the Postgres log.
//
// All decoders work in place, in one pass, and allocate nothing per line. None of
// them keeps a header, a cookie, a token or a value of a row.
package app
