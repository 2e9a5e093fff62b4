package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/report"
	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/cmd/trespass/service"
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/files"
	"trespass.dev/trespass/ingest/policy"
)

func scanCommand(std streams) *cobra.Command {
	s := &scan{std: std, report: report.New()}
	var failOn, policyPath, format, colour string
	var formats config.Formats
	var outputs []string
	cmd := &cobra.Command{
		Use:   "scan [flags] PATH...",
		Short: "Judge plain log files, no service needed",
		Long: `Read log files and say which records were read by a session without a reason.

PATH is a file, a folder, a glob, or - for standard input; gzip and zstd are unpacked.
Application logs, Postgres logs and facts may come in any order and mixture: what
each line is, is found by its content. Only in packed files, on standard input and
with --follow must facts stand before the lines that they are about. All files are
read as one log, by the time in their lines.

Outputs, any number of -o: text (the default, for people), json, ndjson (one finding
a line), reads (one judged record a line). -o ndjson=FILE writes to a file. With
--follow, ndjson and reads are written as they come, each revision of a finding.

Exit code 1 when a finding is at or above --fail-on, 2 when it could not finish.`,
		Example: `  trespass scan --policy policy.yaml app.ndjson postgresql.csv
  trespass scan --policy policy.yaml --fail-on high -o ndjson=findings.ndjson logs/
  zcat old.gz | trespass scan --policy policy.yaml -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("scan: name the log files, or - for standard input"))
			}
			if failOn != "none" {
				floor, ok := detect.ParseSeverity(failOn)
				if !ok {
					return usageError(fmt.Errorf("--fail-on %q: want info, low, medium, high, critical or none", failOn))
				}
				s.floor = &floor
			}
			if !slices.Contains(screen.Modes(), colour) {
				return usageError(fmt.Errorf("--color %q: want %s", colour, strings.Join(screen.Modes(), ", ")))
			}
			if s.window <= 0 {
				return usageError(fmt.Errorf("--window %s: want a time span such as 30s", s.window))
			}
			if err := check(outputs); err != nil {
				return usageError(err)
			}
			lines := ingest.Config{Format: format, TimeZone: formats.TimeZone, LinePrefix: formats.LogLinePrefix}
			if err := lines.Validate(); err != nil {
				return usageError(err)
			}
			var err error
			if s.rules, err = s.load(policyPath, formats); err != nil {
				return configError(err)
			}
			s.rules.Ingest.Format = format
			s.colour = screen.Colour(colour, std.out)
			return s.run(cmd.Context(), args, outputs)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&policyPath, "policy", "p", "", "policy.yaml: which tables are private, and who owns a row")
	f.StringVar(&failOn, "fail-on", "none", "exit 1 when a finding is at least this severe: info, low, medium, high, critical; none")
	f.StringArrayVarP(&outputs, "output", "o", nil, "text, json, ndjson or reads, each with =FILE or to standard output")
	f.BoolVarP(&s.follow, "follow", "f", false, "go on reading when the files grow, until Ctrl-C")
	f.StringVar(&format, "format", "", "format of all lines, instead of finding it by content: "+strings.Join(formatNames(), ", "))
	f.StringVar(&formats.TimeZone, "time-zone", "", "Postgres log_timezone, such as Europe/Berlin, when its abbreviation has no one meaning")
	f.StringVar(&formats.LogLinePrefix, "log-line-prefix", "", "Postgres log_line_prefix, for its stderr log")
	f.DurationVar(&s.window, "window", 30*time.Second, "how far a statement may be from its request, in the time of the logs")
	f.StringVar(&s.environment, "environment", "production", "name for accesses whose lines name no environment")
	f.StringVar(&colour, "color", "auto", "auto, always or never")
	f.BoolVarP(&s.quiet, "quiet", "q", false, "no progress on standard error")
	completeFlag(cmd, "fail-on", "info", "low", "medium", "high", "critical", "none")
	completeFlag(cmd, "format", formatNames()...)
	completeFlag(cmd, "output", forms()...)
	completeFlag(cmd, "color", screen.Modes()...)
	return cmd
}

func formatNames() []string {
	var names []string
	for _, f := range ingest.Formats() {
		names = append(names, f.Name)
	}
	return names
}

type scan struct {
	std         streams
	rules       *service.Rules
	floor       *detect.Severity
	follow      bool
	quiet       bool
	colour      bool
	window      time.Duration
	environment string

	report  *report.Report
	outputs []output
	out     detect.Output
	failed  []error
	broken  map[string]bool // rules that have failed
}

// load reads the policy, or takes one that knows no table.
func (s *scan) load(path string, formats config.Formats) (*service.Rules, error) {
	if path != "" {
		return rulesFrom(path, formats)
	}
	s.report.NoPolicy = true
	return &service.Rules{
		Policy: policy.Default().Detect,
		Ingest: ingest.Config{TimeZone: formats.TimeZone, LinePrefix: formats.LogLinePrefix},
	}, nil
}

// run reads all files as one log and judges it.
func (s *scan) run(ctx context.Context, paths, outputs []string) (err error) {
	found, err := files.Find(paths)
	if err != nil {
		return fmt.Errorf("%w\nName files, folders, globs in quotes, or - for standard input", err)
	}
	set, err := files.OpenSet(found, files.Options{Ingest: s.rules.Ingest, Follow: s.follow, Stdin: s.std.in})
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }()
	// The outputs are opened before anything is read, so that a wrong path does not cost
	// a long run, and after the logs, so that a wrong log does not cost an old result.
	defer func() {
		if closeErr := s.close(); err == nil {
			err = closeErr
		}
	}()
	if err := s.open(outputs, found); err != nil {
		return err
	}
	bar := newProgress(s.std.err, s.quiet || s.follow, set)
	err = s.judge(ctx, set)
	bar.stop()
	if err != nil && !(s.follow && errors.Is(err, context.Canceled)) {
		return err
	}
	s.report.Sources = len(found)
	if err := s.finish(); err != nil {
		return err
	}
	return s.verdict()
}

// verdict gives the exit code: what could not be read outranks what was found.
func (s *scan) verdict() error {
	if err := errors.Join(s.failed...); err != nil {
		return fmt.Errorf("not everything could be read and judged:\n%w", err)
	}
	if worst, any := s.report.Worst(); any && s.floor != nil && worst >= *s.floor {
		return &exitError{code: exitFindings}
	}
	return nil
}

// A scan runs beside other programs, on a laptop or in CI, and stays under 512 MiB
// whatever the size of its logs: the lines that wait for a partner, and the accesses
// that late facts may change, are fewer than in the service, where facts come in while
// requests do. The collector does the rest.
const (
	scanHeld   = 112 << 20
	scanReopen = 5_000
	scanMemory = 400 << 20
)

// judge feeds the detector from the file that is furthest behind, so that lines meet
// their partners while both are in memory.
func (s *scan) judge(ctx context.Context, set *files.Set) error {
	detector := join.New(s.rules.Policy, join.Options{
		Windows: join.Windows{Join: s.window}, Environment: s.environment,
		MaxBytes: scanHeld, MaxReopen: scanReopen,
	})
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(scanMemory)
	}
	parts := map[*files.File]join.Part{}
	for _, f := range set.Files() {
		parts[f] = detector.Open(join.Start{Source: f.Path(), Partition: -1, Position: 1, EmitFrom: 1})
	}
	if err := s.factsFirst(ctx, set, detector); err != nil {
		return err
	}
	batch := new(ingest.Batch)
	for {
		batch.Reset()
		f, _, done, err := set.Next(ctx, batch)
		switch {
		case errors.Is(err, io.EOF):
			s.report.Stats(detector.Stats())
			return nil
		case err != nil && f == nil:
			return err
		case err != nil:
			s.failed = append(s.failed, err)
		}
		part := parts[f]
		s.report.Quarantine(batch.Quarantined)
		s.report.Silent += int64(batch.Skipped)
		detector.ObserveAll(part, batch.Events)
		if done {
			detector.End(part)
		}
		if err := s.take(detector); err != nil {
			return err
		}
	}
}

// failure tells of the first access that a rule could not judge; the scan then ends as
// one that could not finish.
func (s *scan) failure(f *detect.Failure) {
	if s.broken[f.Rule] {
		return
	}
	if s.broken == nil {
		s.broken = map[string]bool{}
	}
	s.broken[f.Rule] = true
	place := "an access"
	if len(f.Origins) > 0 {
		place = f.Origins[0].String()
	}
	s.failed = append(s.failed, fmt.Errorf("judge %s: %s failed: %s; this is a bug of trespass, please report it with these lines:\n%s", place, f.Rule, f.Cause, f.Stack))
}

// take passes on what is decided.
func (s *scan) take(detector *join.Detector) error {
	s.out.Findings, s.out.Reads, s.out.Failures = s.out.Findings[:0], s.out.Reads[:0], s.out.Failures[:0]
	detector.Take(&s.out)
	for i := range s.out.Failures {
		s.failure(&s.out.Failures[i])
	}
	for i := range s.out.Findings {
		s.report.Finding(s.out.Findings[i])
	}
	for i := range s.out.Reads {
		s.report.Read(&s.out.Reads[i])
	}
	for i := range s.outputs {
		if err := s.outputs[i].take(&s.out); err != nil {
			return s.outputs[i].failed(err)
		}
	}
	return nil
}
