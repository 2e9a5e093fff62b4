// Package wire speaks the few Kafka messages that Trespass writes and reads by
// itself, and takes record batches apart in place.
//
// kafka-go keeps the connections: dialling, TLS, SASL and routing to the right
// broker. The messages here implement its protocol.RawExchanger, so they put
// their own bytes on such a connection and read the answer into one pooled
// buffer:
//
//   - [FetchRequest], version 13 with topic ids or version 11 with names;
//   - [MetadataRequest], version 12, because only it tells topic ids;
//   - [VersionsRequest], because kafka-go hides what a broker offers.
//
// A fetch answer holds record batches. [Batches] steps from batch to batch and
// checks length, magic and CRC32C; [Transactions] drops what was aborted;
// [Decompressor] unpacks within a bound; [Records] walks the records without
// copying them. Everything that comes from the network is treated as hostile:
// each length is checked against what is left before it is used, and no input
// makes this package panic or allocate more than its stated bounds.
package wire
