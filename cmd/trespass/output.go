package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink/lines"
)

// output is one form of a scan's result, to one place.
type output struct {
	place string
	take  func(*detect.Output) error // what was just decided
	write func() error               // at the end
	close func() error
}

func (o *output) failed(err error) error {
	return fmt.Errorf("write the result to %s: %w; make room, or name another place with -o FORM=FILE", o.place, err)
}

// forms are the forms of a result.
func forms() []string { return []string{"text", "json", "ndjson", "reads"} }

// check looks at what was asked for, before anything is touched.
func check(asked []string) error {
	first := ""
	for _, each := range asked {
		form, path, toFile := strings.Cut(each, "=")
		switch {
		case !slices.Contains(forms(), form):
			return fmt.Errorf("-o %q: want %s", form, strings.Join(forms(), ", "))
		case toFile && path == "":
			return fmt.Errorf("-o %s: no file is named", each)
		case toFile:
		case first != "":
			return fmt.Errorf("-o %s and -o %s both go to standard output; give one a file: -o %s=FILE", first, form, form)
		default:
			first = form
		}
	}
	return nil
}

// open makes the outputs that were asked for. logs are the files that are read:
// none of them is written to.
func (s *scan) open(asked, logs []string) error {
	if len(asked) == 0 {
		asked = []string{"text"}
	}
	for _, each := range asked {
		form, path, toFile := strings.Cut(each, "=")
		place, w, closeFile := "standard output", s.std.out, func() error { return nil }
		if toFile {
			if log := sameFile(path, logs); log != "" {
				return usageError(fmt.Errorf("-o %s: that is one of the logs to be read, %s; name another file", each, log))
			}
			f, err := os.Create(path)
			if err != nil {
				return fmt.Errorf("-o %s: %w; name a file that can be written", each, err)
			}
			place, w, closeFile = path, f, f.Close
		}
		o := s.output(form, w, toFile)
		o.place, o.close = place, closeFile
		s.outputs = append(s.outputs, o)
	}
	return nil
}

// sameFile gives the log that path is, if it is one.
func sameFile(path string, logs []string) string {
	out, err := os.Stat(path)
	if err != nil {
		return ""
	}
	for _, log := range logs {
		if in, err := os.Stat(log); err == nil && os.SameFile(in, out) && in.Mode().IsRegular() {
			return log
		}
	}
	return ""
}

// output is the list of all forms.
func (s *scan) output(form string, w io.Writer, toFile bool) output {
	nothing := func(*detect.Output) error { return nil }
	switch form {
	case "json":
		return output{take: nothing, write: func() error {
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(s.report.Document())
		}}
	case "ndjson":
		buf := bufio.NewWriterSize(w, 1<<16)
		enc := lines.NewEncoder(buf)
		if s.follow {
			return output{write: buf.Flush, take: func(o *detect.Output) error {
				for i := range o.Findings {
					if err := enc.Finding(&o.Findings[i]); err != nil {
						return err
					}
				}
				return buf.Flush()
			}}
		}
		return output{take: nothing, write: func() error {
			all := s.report.Findings()
			for i := range all {
				if err := enc.Finding(&all[i]); err != nil {
					return err
				}
			}
			return buf.Flush()
		}}
	case "reads":
		buf := bufio.NewWriterSize(w, 1<<16)
		enc := lines.NewEncoder(buf)
		return output{write: buf.Flush, take: func(o *detect.Output) error {
			for i := range o.Reads {
				if err := enc.Read(&o.Reads[i]); err != nil {
					return err
				}
			}
			if s.follow {
				return buf.Flush()
			}
			return nil
		}}
	default: // text
		return output{take: nothing, write: func() error { return s.report.Write(w, s.colour && !toFile) }}
	}
}

// finish writes every output.
func (s *scan) finish() error {
	for _, o := range s.outputs {
		if err := o.write(); err != nil {
			return o.failed(err)
		}
	}
	return nil
}

func (s *scan) close() error {
	var all []error
	for _, o := range s.outputs {
		if err := o.close(); err != nil {
			all = append(all, o.failed(err))
		}
	}
	s.outputs = nil
	return errors.Join(all...)
}
