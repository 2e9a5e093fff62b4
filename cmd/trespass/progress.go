package main

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/ingest/files"
)

// progress shows how much of the files is read, on a terminal only.
type progress struct {
	bars *mpb.Progress
	done chan struct{}
	gone chan struct{}
}

func newProgress(w io.Writer, quiet bool, set *files.Set) *progress {
	if quiet || !screen.IsTerminal(w) || os.Getenv("CI") != "" {
		return &progress{}
	}
	var total int64
	for _, f := range set.Files() {
		total += f.Size()
	}
	p := &progress{bars: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40)), done: make(chan struct{}), gone: make(chan struct{})}
	bar := p.bars.AddBar(total, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("reading "), decor.CountersKibiByte("% .1f of % .1f")),
		mpb.AppendDecorators(decor.Percentage(), decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	go func() {
		defer close(p.gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			var read int64
			for _, f := range set.Files() {
				read += f.Read()
			}
			bar.SetCurrent(min(read, total))
			select {
			case <-p.done:
				bar.Abort(true)
				p.bars.Wait()
				return
			case <-tick.C:
			}
		}
	}()
	return p
}

// stop takes the bar away.
func (p *progress) stop() {
	if p.done != nil {
		close(p.done)
		<-p.gone
	}
}
