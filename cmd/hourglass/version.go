package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// version is the module's version, as the Go tool knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "prints version, Go and the instruction set in use",
		Long:    "Prints the version, that of Go, the system, and the instruction set that the kernels use.",
		Example: `  hourglass version --json`,
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			system := runtime.GOOS + "/" + runtime.GOARCH
			return a.result(map[string]string{"version": version(), "go": runtime.Version(), "system": system, "isa": kernels.ISA()},
				func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "hourglass %s, %s, %s, kernels for %s\n", version(), runtime.Version(), system, kernels.ISA())
					return err
				})
		},
	}
}
