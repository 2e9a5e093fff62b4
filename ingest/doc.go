// Package ingest turns log bytes into detect events.
//
//	files, Kafka → Record → Stream: envelope → format → Batch of events → detect
//
// A Stream reads one partition or one file. It takes lines out of what shippers put
// around them (package envelope), finds the format of each by its content (Formats),
// puts records together that span lines or were cut by a shipper, and decodes them in
// place. Whatever it cannot read goes to the batch's quarantine with its reason and
// its origin; no input stops a stream.
//
// What is where: decode holds the contract and the memory of decoders, jsonscan the
// JSON scanner, app, facts and postgres the formats, envelope the wrappings, files and
// kafka the sources, policy the policy file.
package ingest
