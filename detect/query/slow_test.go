//go:build !race

package query

// slowness stretches the limits of tests that measure time.
const slowness = 1
