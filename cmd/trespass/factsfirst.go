package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/files"
)

// factsFirst reads the facts of all plain files before anything is judged: a fact may
// stand far behind the lines that it is about. Reading it again later changes nothing.
func (s *scan) factsFirst(ctx context.Context, set *files.Set, detector *join.Detector) error {
	if s.follow {
		return nil
	}
	var holding []string
	for _, f := range set.Files() {
		if f.Path() != files.Stdin && mentionsFacts(f.Path()) {
			holding = append(holding, f.Path())
		}
	}
	if len(holding) == 0 {
		return nil
	}
	first, err := files.OpenSet(holding, files.Options{Ingest: s.rules.Ingest})
	if err != nil {
		return err
	}
	defer func() { _ = first.Close() }()
	parts := map[*files.File]join.Part{}
	for _, f := range first.Files() {
		parts[f] = detector.Open(join.Start{Source: f.Path(), Partition: -1, Position: 1, EmitFrom: 1})
	}
	batch := new(ingest.Batch)
	for {
		batch.Reset()
		f, _, done, err := first.Next(ctx, batch)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case f == nil:
			return err
		}
		// What cannot be read is reported by the reading that judges.
		for i := range batch.Events {
			if batch.Events[i].Kind == detect.KindFact {
				detector.Observe(parts[f], &batch.Events[i])
				s.report.Lines-- // it is counted where it is read again
			}
		}
		if done {
			detector.End(parts[f])
		}
	}
}

// factMark is in every fact line, see deploy/schema/fact.v1.json.
var factMark = []byte("fact/1")

// mentionsFacts looks for facts in a plain file. Packed files show none: facts in them
// must stand before the lines that they are about.
func mentionsFacts(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 1<<20)
	kept := 0
	for {
		n, err := f.Read(buf[kept:])
		if bytes.Contains(buf[:kept+n], factMark) {
			return true
		}
		if err != nil {
			return false
		}
		tail := min(kept+n, len(factMark)-1)
		copy(buf, buf[kept+n-tail:kept+n])
		kept = tail
	}
}
