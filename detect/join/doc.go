// Package join puts the lines of a request together: what the application, the gateway
// and the edge say of it, and the statements of Postgres. What has come together is one
// detect.Access; a detect.Judge says what is to be said of it.
//
// # What it promises
//
// By key and event time alone: lines belong together because of the ids that they carry
// and the times that they tell. No clock is read, nothing hangs on the order in which
// partitions are read, and the same lines give the same findings with the same ids, in
// any interleaving, after any crash, from files or from Kafka.
//
// Bounded: lines wait in as much memory as Options allow. What goes beyond is decided
// early or by itself, and counted; no line is left out.
//
// Nothing lost: what a partition may commit never passes a line of which something is
// still to come. Where reading begins again, lines from before are looked up and decide
// nothing again.
//
// A line waits until no partner can come any more. What one line proves by itself is
// reported at once, and again with a higher revision when it is decided.
//
// # The way of a line
//
//	Observe ── detector.go     partitions, and the clock, which is the slowest of them
//	           ahead.go        looks at memory that the next lines need
//	           arrive.go       copies the event, stamps its arrival
//	           codec.go        lines wait as text
//	           node.go         one line that waits
//	           chain.go        the lines of one key
//	           session.go      role and user that last in a session
//	           timeline.go     what is due, in order of event time (timeline_sort.go)
//	           window.go       how long that is
//	        ── once it is due:
//	           seal.go         statements meet the settings of their transaction
//	           transaction.go  its lines become executions, with the state they ran under
//	           prepared.go     an EXECUTE names the request of what it runs
//	           decide.go       requests meet their statements, by request id or trace id
//	           key.go          the name of what has come together
//	           decision.go     several accesses are judged together
//	           early.go        what one line proves at once, and what is taken back of it
//	           reopen.go       late facts have accesses judged again
//	           stats.go        what was done, counted
//	Take    ── findings and reads, and what may be committed (package progress)
//
// What lines wait in is package memory.
package join
