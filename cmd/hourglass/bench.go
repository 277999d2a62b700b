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

// profileFile is what bench --profile writes.
const profileFile = "hourglass.pprof"

func (a *app) bench() *cobra.Command {
	var pattern string
	var profile bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "measures what this machine can do",
		Long: `Measures the peak of this machine's multiply-add units, and how much of it the program's
work reaches: ` + strings.Join(bench.Cases(), ", ") + `.
Close other programs first. With --profile, the processor's profile goes to
` + profileFile + `, for go tool pprof.`,
		Example: `  hourglass bench
  hourglass bench --case 'gemm/*' --threads 1 --json`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			names, err := bench.Matching(pattern)
			if err != nil {
				return usage("--case: %v", err)
			}
			if len(names) == 0 {
				return usage("--case %s: no such case; there are %s", pattern, strings.Join(bench.Cases(), ", "))
			}
			if profile {
				f, err := os.Create(profileFile)
				if err != nil {
					return usage("--profile: %v", err)
				}
				defer f.Close()
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
				defer pprof.StopCPUProfile()
			}
			var broken error
			err = bench.Run(cmd.Context(), names, a.threads, func(r bench.Result) {
				if broken == nil {
					broken = a.result(r, func(w io.Writer) error { return printBench(w, r) })
				}
			})
			if err != nil {
				return err
			}
			return broken
		},
	}
	cmd.Flags().StringVar(&pattern, "case", "", "a case's name, or a pattern such as gemm/*")
	cmd.Flags().BoolVar(&profile, "profile", false, "writes a profile of the processor's time to "+profileFile)
	return cmd
}

func printBench(w io.Writer, r bench.Result) error {
	line := fmt.Sprintf("%-26s %10.3f ms (at best %.3f)", r.Case, r.Median, r.Least)
	if r.GFLOPS > 0 {
		line += fmt.Sprintf(", %.1f GFLOP/s", r.GFLOPS)
	}
	if r.Share > 0 {
		line += fmt.Sprintf(", %.0f %% of the peak", 100*r.Share)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
