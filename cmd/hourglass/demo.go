package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) demo() *cobra.Command {
	var o recipes.TrainOptions
	cmd := &cobra.Command{
		Use:   "demo [-o DIR]",
		Short: "trains a network on embedded digits and shows what came of it",
		Long: `Trains the book's denoising autoencoder on 10,000 hand-written digits that the program
carries with it, in less than a minute, and tries it on 2,000 others. DIR then holds
  report.html         everything on one page: open it in a browser
  digits.png          test digits: clean, noisy, restored
  curves.png          the loss over the epochs
  model.safetensors   the network, for hourglass denoise --model`,
		Example: `  hourglass demo
  hourglass demo -o digits --seed 7`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := recipes.Load("demo", a.assignments(nil)...)
			if err != nil {
				return err
			}
			a.tell("A small network will learn to take the noise out of hand-written digits.")
			if err := a.follow(cmd.Context(), r, o, a.narrated); err != nil {
				return err
			}
			a.tell(fmt.Sprintf("Open %s/report.html in a browser.", o.Dir))
			return nil
		},
	}
	cmd.Flags().StringVarP(&o.Dir, "output", "o", "hourglass-demo", "the folder to write to")
	return cmd
}

// narrated is the demo, followed by what its figures mean.
func (a *app) narrated(ctx context.Context, r *recipes.Recipe, o recipes.TrainOptions) (*recipes.Outcome, error) {
	outcome, err := recipes.Demo(ctx, r, o)
	if err != nil {
		return nil, err
	}
	before, after := outcome.Metrics["psnr_input"], outcome.Metrics["psnr"]
	a.tell(fmt.Sprintf("Noise had left the test digits at %.1f dB of PSNR; the network brought them to %.1f dB: %.1f dB gained.",
		before, after, after-before))
	return outcome, nil
}
