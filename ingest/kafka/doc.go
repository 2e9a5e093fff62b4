// Package kafka reads topics as one member of a consumer group and hands every
// partition's records, undecoded and uncopied, to whoever judges them.
//
// # The flow
//
//	Source.Run
//	  topics exist? ── no: not ready, the reason names the topic; ask again
//	  join the group (kafka-go ConsumerGroup)
//	  generation ──── nothing assigned: hot standby, wait
//	               └─ all partitions: Consumer.Begin → Task
//	                    one goroutine per partition
//	                      fetch → check → unpack → Handler.Records   (decode here)
//	                    topic watcher, stall watchdog
//	  generation ends: fetching stops, Task.Drain has a few seconds, next round
//
// One member at a time holds all partitions of all topics; the others stand by
// and take over within a session timeout. Nothing is assumed about keys.
//
// # What the caller writes
//
// A [Consumer] starts a [Task] for each generation in which this member holds
// the partitions. The task says where each partition starts and gives a
// [Handler] for it. Handlers run in the fetch goroutines, so decoding happens
// there, in place; they pass decoded batches to the task's one owner goroutine
// over a bounded channel. When the channel is full the handler blocks, fetching
// stops and heartbeats go on. The owner calls [Generation.Commit]. When the
// generation ends, Drain is the last chance to write and to commit; after it
// nothing of the task may be used again.
//
// # What is promised
//
// Records arrive in offset order per partition, from the offset the task chose,
// each at least once per generation; checked against the batch's CRC32C;
// without control records, without data of aborted transactions and without
// offsets below the one asked for. Records that Kafka deleted before they were
// read arrive as [Handler.Gap], batches that cannot be read as
// [Handler.BadBatch]: nothing is passed over in silence. Commits never go
// backwards, and a member that lost its generation gets [ErrFenced]. A topic
// that was deleted and created again ends Run with [TopicRecreatedError].
package kafka
