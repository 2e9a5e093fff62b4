package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"trespass.dev/trespass/ingest"
)

// disk is a file on the disk with what it was when it was opened.
type disk struct {
	*os.File
	counted counted
	info    fs.FileInfo
}

func (d *disk) Read(p []byte) (int, error) { return d.counted.Read(p) }

// open opens the file at the path from its beginning.
func (f *File) open() error {
	d, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := d.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a directory")
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", f.path, errors.Join(err, d.Close()))
	}
	f.read.Store(0)
	f.size.Store(info.Size())
	in := &disk{d, counted{d, &f.read}, info}
	s, err := unpacked(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	s.disk = in
	f.source = s
	return nil
}

// More looks whether a followed file has more to read since Next gave io.EOF, and makes
// ready for it: it has grown, has been truncated, or another file has taken its path.
// What was held of an old file goes to b first. Line numbers go on over a change of
// files, because they say the order. More does not block. The error says that the new
// file cannot be opened; the old one is then tried again by the next call.
func (f *File) More(b *ingest.Batch) (bool, error) {
	if !f.follow || f.ended || f.source.disk == nil {
		return false, nil
	}
	here, err := f.source.disk.Stat()
	if err != nil {
		return false, fmt.Errorf("follow %s: %w", f.path, err)
	}
	f.size.Store(here.Size())
	at := f.read.Load()
	switch {
	case here.Size() > at:
		return true, nil
	case here.Size() < at:
		return true, f.restart(b)
	}
	there, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // renamed; the new one is not there yet
	}
	if err != nil {
		return false, fmt.Errorf("follow %s: %w", f.path, err)
	}
	if os.SameFile(here, there) {
		return false, nil
	}
	f.endOfText(b)
	old := f.source
	if err := f.open(); err != nil {
		f.source = old
		return false, err
	}
	return true, old.Close()
}

// restart reads a truncated file from its beginning.
func (f *File) restart(b *ingest.Batch) error {
	f.endOfText(b)
	if _, err := f.source.disk.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("follow %s: %w", f.path, err)
	}
	f.read.Store(0)
	return nil
}

// letGo gives out what is held back, and says whether there was anything.
func (f *File) letGo(b *ingest.Batch) bool {
	if _, held := f.stream.Held(); !held {
		return false
	}
	f.stream.Flush(b)
	return true
}
