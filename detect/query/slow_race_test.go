//go:build race

package query

// slowness stretches the limits of tests that measure time: the race detector costs
// about ten times.
const slowness = 20
