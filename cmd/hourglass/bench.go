package main

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/internal/bench"
)

func (a *app) bench() *cobra.Command {
	var pattern, processor string
	var profile bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "measures what this machine can do",
		Long: `Measures the peak of this machine's multiply-add units, and how much of it the program's
work reaches, counted by direct arithmetic: an algorithm that gets along with fewer
multiplications may be above the peak. Close other programs first.

The cases are ` + bench.PeakCase + `; gemm, matrix products; conv, single convolutions, by kernel and by
size, height x width x channels, some pinned to an algorithm; networks at a size, as N x side or height x width, in
inference (infer) and in training steps (train), which with -recompute take less memory and more time, as in
training with --recompute; mnist-autoencoder/epoch. --case takes a name, or its first parts, with * for any part.
With --json, the peak memory of the process until the end of the case is told, too: to compare it, run one case
in a process.

With --profile, the time of a network's layers, forward and backward, follows. --pprof
writes the processor's profile, for go tool pprof.`,
		Example: `  hourglass bench
  hourglass bench --case conv/3x3 --threads 1 --json
  hourglass bench --case unet/train/8x128 --profile`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			names, err := bench.Matching(pattern)
			if err != nil {
				return usage("--case: %v", err)
			}
			if len(names) == 0 {
				return usage("--case %s: no such case; there are %s", pattern, strings.Join(bench.Cases(), ", "))
			}
			if processor != "" {
				f, err := os.Create(processor)
				if err != nil {
					return usage("--pprof: %v", err)
				}
				defer f.Close()
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
				defer pprof.StopCPUProfile()
			}
			return bench.Run(cmd.Context(), names, bench.Options{Workers: a.threads, Layers: profile}, a.benched)
		},
	}
	f := cmd.Flags()
	f.StringVar(&pattern, "case", "", "a case's name or its first parts, such as conv/3x3 or */train")
	f.BoolVar(&profile, "profile", false, "prints the time of every layer, too")
	f.StringVar(&processor, "pprof", "", "writes a profile of the processor's time to this file")
	return cmd
}

// benchmark is a line of the JSON.
type benchmark struct {
	bench.Result
	PeakRSS int64 `json:"peak_rss_bytes"` // of the process, until then
}

// benched prints what was measured.
func (a *app) benched(r bench.Result) error {
	b := benchmark{r, peakMemory()}
	return a.result(b, func(w io.Writer) error { return printBench(w, b) })
}

func printBench(w io.Writer, b benchmark) error {
	line := fmt.Sprintf("%-34s %10.3f ms (at best %.3f)", b.Case, b.Median, b.Least)
	if b.GFLOPS > 0 {
		line += fmt.Sprintf(", %.1f GFLOP/s", b.GFLOPS)
	}
	if b.Share > 0 {
		line += fmt.Sprintf(", %.0f %% of the peak", 100*b.Share)
	}
	fmt.Fprintln(w, line)
	if len(b.Layers) == 0 {
		return nil
	}
	return printLayers(w, b.Layers, b.Peak > 0)
}

// printLayers prints the time of layers and its sum, with shares of the peak where it is known.
func printLayers(w io.Writer, layers []bench.Layer, peak bool) error {
	forward, backward := bench.Totals(layers)
	pass := func(p bench.Pass, of float64) []string {
		c := []string{fmt.Sprintf("%.3f", p.Milliseconds), fmt.Sprintf("%.1f %%", 100*p.Milliseconds/of), fmt.Sprintf("%.1f", p.GFLOPS)}
		if peak {
			c = append(c, fmt.Sprintf("%.0f %%", 100*p.Share))
		}
		return c
	}
	row := func(name, kind, output string, f bench.Pass, b *bench.Pass) []string {
		r := append([]string{"  " + name, kind, output}, pass(f, forward.Milliseconds)...)
		switch {
		case b != nil:
			r = append(r, pass(*b, backward.Milliseconds)...)
		case backward != nil:
			r = append(r, "-")
		}
		return r
	}
	head := []string{"  LAYER", "TYPE", "OUTPUT", "FORWARD ms", "OF ALL", "GFLOP/s"}
	if peak {
		head = append(head, "OF PEAK")
	}
	if backward != nil {
		head = append(head, "BACKWARD ms")
		head = append(head, head[4:len(head)-1]...)
	}
	rows := [][]string{head}
	for _, l := range layers {
		rows = append(rows, row(l.Name, l.Type, l.Output.String(), l.Forward, l.Backward))
	}
	return table(w, append(rows, row("in all", "", "", forward, backward)))
}
