package lines

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink/contract"
)

// Files is the sink of a directory: findings.ndjson, reads.ndjson and
// quarantine.ndjson, appended to. A batch written again is there twice; readers
// keep the highest revision of each finding_id.
type Files struct {
	findings, reads, quarantine *file
	trouble                     contract.Trouble
}

// Open opens the files of a directory, making what is missing.
func Open(dir string, trouble contract.Trouble) (*Files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lines sink: make the directory: %w", err)
	}
	s := &Files{trouble: trouble}
	for _, each := range []struct {
		name string
		into **file
	}{{"findings", &s.findings}, {"reads", &s.reads}, {"quarantine", &s.quarantine}} {
		f, err := openFile(filepath.Join(dir, each.name+".ndjson"), each.name)
		if err != nil {
			_ = s.Close()
			return nil, fmt.Errorf("lines sink: %w", err)
		}
		*each.into = f
	}
	return s, nil
}

// Write implements contract.Sink: the lines are on disk when it returns nil. A
// full disk is waited for.
func (s *Files) Write(ctx context.Context, b *contract.Batch) error {
	for i := range b.Quarantined {
		if err := s.quarantine.enc.enc.Encode(ofQuarantined(&b.Quarantined[i])); err != nil {
			return fmt.Errorf("lines sink: write quarantine as JSON: %w", err)
		}
	}
	for i := range b.Reads {
		if err := s.reads.enc.Read(&b.Reads[i]); err != nil {
			return fmt.Errorf("lines sink: write reads as JSON: %w", err)
		}
	}
	for i := range b.Findings {
		if err := s.findings.enc.Finding(&b.Findings[i]); err != nil {
			return fmt.Errorf("lines sink: write findings as JSON: %w", err)
		}
	}
	rows := map[*file]int{s.quarantine: len(b.Quarantined), s.reads: len(b.Reads), s.findings: len(b.Findings)}
	for _, f := range []*file{s.quarantine, s.reads, s.findings} {
		if err := f.flush(ctx, rows[f], s.trouble); err != nil {
			return fmt.Errorf("lines sink: %w", err)
		}
	}
	return nil
}

// Close closes the files.
func (s *Files) Close() error {
	var first error
	for _, f := range []*file{s.findings, s.reads, s.quarantine} {
		if f == nil {
			continue
		}
		if err := f.f.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// file appends whole batches: what a failed try left behind is cut off again.
type file struct {
	name string
	f    *os.File
	size int64
	buf  *bytes.Buffer
	enc  Encoder
}

func openFile(path, name string) (*file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, 2)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	buf := new(bytes.Buffer)
	return &file{name: name, f: f, size: size, buf: buf, enc: NewEncoder(buf)}, nil
}

func (f *file) flush(ctx context.Context, rows int, trouble contract.Trouble) error {
	defer f.buf.Reset()
	if f.buf.Len() == 0 {
		return nil
	}
	began := time.Now()
	for failed := false; ; failed = true {
		_, err := f.f.WriteAt(f.buf.Bytes(), f.size)
		if err == nil {
			err = f.f.Sync()
		}
		if err == nil {
			f.size += int64(f.buf.Len())
			if failed {
				trouble.Recovered()
			}
			trouble.Inserted(f.name, rows, time.Since(began))
			return nil
		}
		_ = f.f.Truncate(f.size)
		trouble.Retrying(err, began)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last error: %w)", ctx.Err(), err)
		case <-time.After(time.Second):
		}
	}
}

type quarantined struct {
	Origin Origin `json:"origin"`
	Reason string `json:"reason"`
	Format string `json:"format"`
	Detail string `json:"detail"`
	Size   int    `json:"size"`
	Hash   string `json:"hash"`
}

func ofQuarantined(q *contract.Quarantined) quarantined {
	return quarantined{Origin: origins([]detect.Origin{q.Origin})[0], Reason: q.Reason, Format: q.Format, Detail: q.Detail, Size: q.Size, Hash: q.Hash}
}
