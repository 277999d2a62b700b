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
steps from one test picture's code to another's. The next show pictures of N random codes: drawn
from the standard normal distribution for a variational autoencoder, else from a normal
distribution fitted to the codes of training pictures. Where a code has two numbers, the last
rows show the plane of codes, in equal steps of probability.`,
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
				fmt.Fprintf(w, "%d interpolations and %d pictures of codes drawn from a %s distribution", s.Interpolations, s.N, s.Prior)
				if s.Side > 0 {
					fmt.Fprintf(w, ", and the plane of codes, %dx%d", s.Side, s.Side)
				}
				_, err := fmt.Fprintf(w, ": %s\n", s.Output)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "output", "o", "", "the picture to write")
	f.IntVarP(&o.N, "number", "n", 50, "how many pictures to draw")
	f.IntVar(&o.Side, "plane", 15, "pictures a row of the plane of codes; 0: none")
	f.StringVar(&o.Data, "data", "", "the data's folder (default $HOURGLASS_DATA/NAME, then the cache)")
	return cmd
}
