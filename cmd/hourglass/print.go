package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// emit prints one JSON object on a line of its own.
func (a *app) emit(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", text)
	return err
}

// result prints v as JSON where that was asked for, and calls text otherwise.
func (a *app) result(v any, text func(w io.Writer) error) error {
	if a.json {
		return a.emit(v)
	}
	return text(a.out)
}

// tell prints a sentence about what is being done, on standard error.
func (a *app) tell(sentence string) {
	if !a.quiet {
		fmt.Fprintln(a.err, sentence)
	}
}

// table prints rows of cells under a head, aligned.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return t.Flush()
}

// figure writes a metric's value with its unit.
func figure(metric string, v float64) string {
	if strings.HasPrefix(strings.TrimPrefix(metric, "val_"), "psnr") {
		return fmt.Sprintf("%.2f dB", v)
	}
	return fmt.Sprintf("%.4f", v)
}

// metricLine writes metrics in the order of their names.
func metricLine(metrics map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		parts = append(parts, name+" "+figure(name, metrics[name]))
	}
	return strings.Join(parts, ", ")
}

// progress shows how far a long work is: a bar on a terminal, else a line now and then.
type progress struct {
	app      *app
	terminal *os.File // nil where there is none
	bar      *progressbar.ProgressBar
	last     time.Time
	what     string
	note     string // put behind
}

// The least time between two lines, or two states of the bar.
const (
	lineEvery = 5 * time.Second
	barEvery  = 100 * time.Millisecond
)

func (a *app) progress(what string) *progress {
	p := &progress{app: a, what: what, last: time.Now()}
	if f, ok := a.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal = f
	}
	return p
}

// at shows that done of total units are done. It may be called very often.
func (p *progress) at(done, total int64) {
	every := lineEvery
	if p.terminal != nil {
		every = barEvery
	}
	if p.app.quiet || time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	if p.terminal == nil {
		fmt.Fprintln(p.app.err, strings.TrimSpace(fmt.Sprintf("%s %d %% %s", p.what, 100*done/max(total, 1), p.note)))
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.terminal), progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	// A terminal that cannot be written to is no reason to stop.
	p.bar.Describe(strings.TrimSpace(p.what + " " + p.note))
	p.bar.Set64(min(done, total))
}

// end takes the bar off the terminal.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish() // as above
	}
}
