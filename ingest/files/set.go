package files

import (
	"context"
	"errors"
	"io"
	"time"

	"trespass.dev/trespass/ingest"
)

// Followed files are looked at this often when all are read to their ends. After so
// many looks without news, what is held back is given out: a record whose end might
// still come, but most likely has no more.
const (
	pollEvery = 250 * time.Millisecond
	patience  = 8
)

// Set reads several files as one log. It is used by one goroutine.
type Set struct {
	files  []*File // as opened
	open   []*File // with more to come
	atEnd  map[*File]bool
	follow bool
}

// OpenSet opens all files of paths, which Find gives. On error none stays open.
func OpenSet(paths []string, o Options) (*Set, error) {
	s := &Set{atEnd: map[*File]bool{}, follow: o.Follow}
	for _, p := range paths {
		f, err := Open(p, o)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.files = append(s.files, f)
		s.open = append(s.open, f)
	}
	return s, nil
}

// Files lists all files of the set, for progress; their order is that of the paths.
func (s *Set) Files() []*File { return s.files }

// Close closes all files.
func (s *Set) Close() error {
	var faults []error
	for _, f := range s.files {
		faults = append(faults, f.Close())
	}
	s.open = nil
	return errors.Join(faults...)
}

// Next fills b from the file that is furthest behind in event time, and gives the file
// and its greatest event time. io.EOF, with no file, means that all are read; ctx's
// error that it ended, which only a followed set waits for. Any other error comes with
// its file, which is then done, and the others go on. done says that the file has
// nothing more: b holds its last events.
func (s *Set) Next(ctx context.Context, b *ingest.Batch) (f *File, last int64, done bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, false, err
		}
		if f = s.behind(); f == nil {
			if len(s.open) == 0 {
				return nil, 0, false, io.EOF
			}
			if f, err = s.wait(ctx, b); f == nil || err != nil {
				return f, 0, false, err
			}
			delete(s.atEnd, f)
		}
		last, err = f.Next(b)
		switch {
		case err == nil:
			return f, last, false, nil
		case !errors.Is(err, io.EOF):
			s.drop(f)
			return f, last, true, err
		case !f.follow:
			s.drop(f)
			return f, last, true, nil
		}
		s.atEnd[f] = true
		if len(b.Events)+len(b.Quarantined)+b.Skipped > 0 {
			return f, last, false, nil
		}
	}
}

// behind gives the open file with the least event time that is not at its end.
func (s *Set) behind() *File {
	var least *File
	for _, f := range s.open {
		if !s.atEnd[f] && (least == nil || f.last < least.last) {
			least = f
		}
	}
	return least
}

// wait looks at the followed files until one has more.
func (s *Set) wait(ctx context.Context, b *ingest.Batch) (*File, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for looks := 0; ; looks++ {
		for _, f := range s.open {
			if more, err := f.More(b); more || err != nil {
				return f, err
			}
			if looks == patience && f.letGo(b) {
				return f, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *Set) drop(f *File) {
	for i, o := range s.open {
		if o == f {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}
