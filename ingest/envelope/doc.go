// Package envelope takes log lines out of what shippers put around them: gzip and
// zstd, JSON arrays and newline-delimited JSON, the JSON objects of Filebeat, Fluent
// Bit, Vector, rsyslog and Docker, JSON-quoted text, and syslog frames with the chunks
// into which Postgres cuts a long message.
//
// An envelope is believed only where its own keys say that a shipper wrote it. A line
// of an application whose message happens to hold JSON is not opened: that text may
// come from a user.
package envelope
