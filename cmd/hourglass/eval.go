package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) eval() *cobra.Command {
	var data, split string
	cmd := &cobra.Command{
		Use:   "eval MODEL",
		Short: "scores a model by its recipe's metrics",
		Long: `Scores a model file by the metrics of the recipe that it was trained by, on the data of
that recipe. Each metric's name is that of its protocol.`,
		Example: `  hourglass eval runs/denoise/model.safetensors
  hourglass eval runs/denoise/model.safetensors --split train --json`,
		Args: exactly(1, "a model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := recipes.Evaluate(cmd.Context(), args[0], split, data)
			if err != nil {
				return err
			}
			return a.result(e, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s on %d %s pictures of %s: %s\n", e.Model, e.N, e.Split, e.Data, metricLine(e.Metrics))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data's folder (default $HOURGLASS_DATA/NAME, then the cache)")
	cmd.Flags().StringVar(&split, "split", "test", "the part of the data: test, train or validation")
	return cmd
}
