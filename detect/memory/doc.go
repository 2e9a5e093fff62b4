// Package memory holds the containers that lines wait in: each made so that millions of
// small values cost the collector nothing, grow without being moved, and are found in one
// look. Nothing in it knows what a line is. None of it may be used by two goroutines at once.
//
//	Arena    copies of short texts, kept as long as somebody holds one
//	Slab     short lists that are never used again, kept in the same way
//	Scratch  short lists that are lent until it is reset
//	Pool     values with a number, whose places are used again
//	Queue    first in, first out
//	Table    from a hash to a number
//	Index    the same for two hashes, of which nothing is ever taken out
package memory
