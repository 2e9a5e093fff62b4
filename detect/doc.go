// Package detect is the domain: the words for what logs say, the policy, the facts, and
// the judge, who gives every record that came back a verdict and reports what has no
// reason. It imports the standard library and the SQL parser only; it reads no clock,
// writes no log, and starts no goroutine.
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
//	join    ── package join: lines wait for their partners, and become one Access
//	        ── judge.go    who looks at each:
//	           judge_all.go  several accesses go on together
//	           actor.go      who read
//	           evidence.go   which records came back
//	           owners.go     whose they are, as of the read (facts.go)
//	           verdict.go    the reason, or none; the first line that holds
//	           claim.go      proven or possible, and what is missing
//	           rule_*.go     which rules hold; the most specific names the finding
//	           cause.go      why it happened
//	           severity.go   how bad
//	Output  ── findings and reads; package join says what may be committed with them
//
// A Judge knows nothing of waiting: it says what an Access shows as of its time, by the
// policy and the facts at hand. The same lines in any order give the same verdicts, and
// findings with the same ids.
//
// # Where to add
//
// A rule is one file and one line in Rules, with stories in testdata/NAME. What is joined
// with what is package join; what a statement's text reads is package query.
package detect
