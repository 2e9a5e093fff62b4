// Package engine runs the ClickHouse engine inside this process: it checks and
// loads the library libchdb without cgo, opens one data directory with it and
// runs statements on connections.
//
// The engine is a guest that takes over its host: it installs signal handlers,
// can end the process from inside dlopen, reads a config.xml lying in the
// working directory and hides the reason when it cannot start. Everything this
// package does before and after loading is there to take those powers back:
//
//   - the data directory is locked by a lock file of our own before anything else,
//     so that a second process gets an error that names the first one;
//   - the library's size and SHA-256 and the CPU's instruction sets are checked
//     before dlopen, because a cut-off file or a missing instruction kills the process;
//   - the signal handlers of the Go runtime are saved before dlopen and put back
//     after the first connection;
//   - the engine always gets a configuration of ours, which limits its only user
//     to one database and keeps it away from files and the network.
//
// Linux on x86-64 with glibc only. An engine cannot be opened twice in one process,
// nor again after Close.
package engine
