package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) sample() *cobra.Command {
	var o recipes.SampleOptions
	cmd := &cobra.Command{
		Use:   "sample MODEL -o GRID.png",
		Short: "draws pictures by the decoder alone",
		Long: `Runs the second half of an autoencoder alone. The first rows of the grid lead in equal
steps from one test picture's code to another's. The others show pictures of N codes drawn
from a normal distribution fitted to the codes of the training pictures.`,
		Example: `  hourglass sample hourglass-demo/model.safetensors -o grid.png
  hourglass sample runs/ae/model.safetensors -o grid.png -n 100 --seed 3`,
		Args: exactly(1, "a model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required("-o GRID.png", o.Out); err != nil {
				return err
			}
			o.Seed = a.seed
			s, err := recipes.Sample(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			return a.result(s, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%d interpolations and %d drawn pictures: %s\n", s.Interpolations, s.N, s.Output)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "output", "o", "", "the picture to write")
	f.IntVarP(&o.N, "number", "n", 50, "how many pictures to draw")
	f.StringVar(&o.Data, "data", "", "the data's folder (default $HOURGLASS_DATA/NAME, then the cache)")
	return cmd
}
