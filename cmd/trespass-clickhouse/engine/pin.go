//go:build linux && amd64

package engine

// Pin identifies one exact build of the engine library.
type Pin struct {
	Version string // version of the npm package @chdb/lib-linux-x64-gnu
	Size    int64  // bytes of libchdb.so
	SHA256  string // lower-case hex SHA-256 of libchdb.so
}

// PinnedLibrary is the build this program was written and tested against. The engine has
// no stable interface, so no other build is loaded. deploy/dev/libchdb.sha256 holds the
// same size and digest for the install script; a test keeps the two equal.
func PinnedLibrary() Pin {
	return Pin{
		Version: "26.5.3",
		Size:    559044752,
		SHA256:  "4330da79405733f7572f27c1442f46c03a08301f00859dce0368645731b1e1dc",
	}
}

// InstallHint is the advice given whenever the library is missing or unusable.
const InstallHint = "install it with `make clickhouse` (or `deploy/dev/dev install clickhouse`)"
