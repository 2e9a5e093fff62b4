// Package detect is the domain: it joins what logs say into accesses, gives every
// record that came back a verdict, and reports what has no reason. It imports the
// standard library and the SQL parser only; it reads no clock, writes no log, and
// starts no goroutine.
//
// # The words
//
//	Event      what one log line says: a Request (application, gateway, edge), a
//	           Statement (Postgres), a Fact (ownership, membership, mapping, ...)
//	Origin     where that line is; the receipt in every finding
//	Access     one request joined with its statements
//	Actor      whose session it is
//	Principal  as whom the database was asked, and whether that bypasses row security
//	Record     table, id, owners, tenant, columns
//	Relation   a declared reason to read a record
//	Verdict    one of nine, for every record that came back
//	Rule       a named signature over an access; fires findings
//	Finding    rule, severity, claim, cause, actor, owners, records, origins, stable id
//	Cause      the root-cause label, with the evidence for it
//
// # The way of an event
//
//	Observe ── arrive.go   copies the event, stamps its arrival
//	           session.go  role and user that last in a session
//	           seal.go     statements meet the settings of their transaction
//	           decide.go   requests meet their statements, by request id or trace id
//	           decision.go several accesses go on together
//	        ── judge.go    each of them:
//	           actor.go      who read
//	           evidence.go   which records came back
//	           owners.go     whose they are, as of the read (facts.go)
//	           verdict.go    the reason, or none; the first line that holds
//	           claim.go      proven or possible, and what is missing
//	           rule_*.go     which rules hold; the most specific names the finding
//	           cause.go      why it happened
//	           severity.go   how bad
//	Take    ── findings and reads, and what may be committed (progress)
//
// A Detector decides by event time alone. A line waits until no partner can come any
// more; what one line proves by itself is reported at once, and again with a higher
// revision when it is decided. The same lines give the same findings with the same
// ids, in any interleaving, after any crash, from files or from Kafka.
//
// # Where to add
//
// A rule is one file and one line in Rules, with stories in testdata/NAME. What a
// statement's text reads is package query; how far reading may be committed is
// package progress; what lines wait in is package memory.
package detect
