// Package e2e proves the whole of Trespass on real parts: a real Postgres with
// pgaudit serves a small marketplace, its log and the application's go through a
// real Kafka broker, the program judges them into the real ClickHouse engine, and
// real Prometheus and Alertmanager tell of what was found. What must be found
// stands in the ledger of the traffic itself.
//
// The tests need the build tag e2e and the parts of deploy/dev: make e2e.
package e2e
