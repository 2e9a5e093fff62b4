//go:build linux && amd64

package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// fingerprint names one state of one file. While it is the same, the file's content
// is; the change time cannot be set back by whoever alters the file.
type fingerprint struct {
	Device     uint64 `json:"device"`
	Inode      uint64 `json:"inode"`
	Size       int64  `json:"size"`
	ModifiedNS int64  `json:"modified_ns"`
	ChangedNS  int64  `json:"changed_ns"`
}

// verified is the content of the cache file: this file had this digest.
type verified struct {
	File   fingerprint `json:"file"`
	SHA256 string      `json:"sha256"`
}

// Verify returns nil when the file at path is exactly the pinned library. The digest of
// half a gigabyte is remembered in the file cache, so that only the first start, or one
// after the library was touched, reads the whole file. A cache that cannot be read or
// written costs time, never correctness.
func Verify(path, cache string, pin Pin) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s does not exist; %s", ErrLibrary, path, InstallHint)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	defer f.Close()
	print, err := fingerprintOf(f)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrLibrary, path, err)
	}
	if print.Size != pin.Size {
		return fmt.Errorf("%w: %s has %d bytes, libchdb %s has %d: cut off or another version; %s",
			ErrLibrary, path, print.Size, pin.Version, pin.Size, InstallHint)
	}
	digest, known := cachedDigest(cache, print)
	if !known {
		if digest, err = digestOf(f); err != nil {
			return fmt.Errorf("%w: reading %s: %w", ErrLibrary, path, err)
		}
	}
	if digest != pin.SHA256 {
		return fmt.Errorf("%w: %s has SHA-256 %s, libchdb %s has %s: altered or damaged; %s",
			ErrLibrary, path, digest, pin.Version, pin.SHA256, InstallHint)
	}
	if !known {
		rememberDigest(cache, verified{File: print, SHA256: digest})
	}
	return nil
}

func fingerprintOf(f *os.File) (fingerprint, error) {
	info, err := f.Stat()
	if err != nil {
		return fingerprint{}, err
	}
	if !info.Mode().IsRegular() {
		return fingerprint{}, errors.New("not a regular file")
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fingerprint{}, errors.New("no file status on this platform")
	}
	return fingerprint{
		Device: st.Dev, Inode: st.Ino, Size: st.Size,
		ModifiedNS: st.Mtim.Nano(), ChangedNS: st.Ctim.Nano(),
	}, nil
}

func digestOf(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func cachedDigest(cache string, want fingerprint) (string, bool) {
	content, err := os.ReadFile(cache)
	if err != nil {
		return "", false
	}
	var v verified
	if json.Unmarshal(content, &v) != nil || v.File != want {
		return "", false
	}
	return v.SHA256, true
}

func rememberDigest(cache string, v verified) {
	content, err := json.Marshal(v)
	if err != nil {
		return
	}
	_ = writeFile(cache, content) // a missing cache only makes the next start slower
}
