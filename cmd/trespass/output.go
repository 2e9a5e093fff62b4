package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink/lines"
)

// output is one form of a scan's result, to one place.
type output struct {
	read  func(*detect.Read) error // for each judged record, as it comes; nil if not wanted
	write func() error             // at the end
	close func() error
}

// open makes the outputs that were asked for. The place of each is opened before
// anything is read, so that a wrong path does not cost a long run.
func (s *scan) open(asked []string) error {
	if len(asked) == 0 {
		asked = []string{"text"}
	}
	taken := ""
	for _, each := range asked {
		form, path, toFile := strings.Cut(each, "=")
		var w io.Writer = s.std.out
		closeFile := func() error { return nil }
		switch {
		case toFile && path != "":
			f, err := os.Create(path)
			if err != nil {
				return fmt.Errorf("-o %s: %w", each, err)
			}
			w, closeFile = f, f.Close
		case toFile:
			return usageError(fmt.Errorf("-o %s: no file is named", each))
		case taken != "":
			return usageError(fmt.Errorf("-o %s and -o %s both go to standard output; give one a file: -o %s=FILE", taken, form, form))
		default:
			taken = form
		}
		o, err := s.output(form, w, toFile)
		if err != nil {
			return errors.Join(usageError(err), closeFile())
		}
		o.close = closeFile
		s.outputs = append(s.outputs, o)
	}
	return nil
}

// output is the list of all forms.
func (s *scan) output(form string, w io.Writer, toFile bool) (output, error) {
	switch form {
	case "text":
		return output{write: func() error { return s.report.Write(w, s.colour && !toFile) }}, nil
	case "ndjson":
		return output{write: func() error {
			buf := bufio.NewWriter(w)
			enc := lines.NewEncoder(buf)
			all := s.report.Findings()
			for i := range all {
				if err := enc.Finding(&all[i]); err != nil {
					return err
				}
			}
			return buf.Flush()
		}}, nil
	case "json":
		return output{write: func() error {
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(s.report.Document())
		}}, nil
	case "reads":
		buf := bufio.NewWriterSize(w, 1<<16)
		return output{read: lines.NewEncoder(buf).Read, write: buf.Flush}, nil
	}
	return output{}, fmt.Errorf("-o %q: want text, json, ndjson or reads", form)
}

// finish writes every output.
func (s *scan) finish() error {
	for _, o := range s.outputs {
		if err := o.write(); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return nil
}

func (s *scan) close() error {
	var all []error
	for _, o := range s.outputs {
		all = append(all, o.close())
	}
	return errors.Join(all...)
}
