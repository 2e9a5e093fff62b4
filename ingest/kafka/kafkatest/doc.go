// Package kafkatest helps tests that read from a Kafka broker: it finds or
// starts the real one, makes and destroys topics, writes records, and records
// what a kafka.Source delivers. It is not part of the program.
package kafkatest
