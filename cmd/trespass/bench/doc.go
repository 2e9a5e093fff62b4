// Package bench measures what crosses the rooms: a line from its bytes to its
// verdict, a scan of ten million lines, the service on a real broker, and the time
// until a finding can be read. It holds benchmarks only. Each checks the answer it
// measures: how many records were judged, as what, and what was found.
//
// make bench runs them all but the scan, which takes minutes and gigabytes of
// disk:
//
//	go test -run '^$' -bench ScanTenMillion -benchtime 1x ./cmd/trespass/bench
package bench
