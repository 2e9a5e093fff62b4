// Package realbroker holds the tests of ingest/kafka against a real Apache
// Kafka; see kafkatest.Real for how it is found.
package realbroker
