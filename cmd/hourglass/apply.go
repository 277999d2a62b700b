package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) apply() *cobra.Command {
	var output, precision string
	cmd := &cobra.Command{
		Use:   "apply MODEL IN... -o OUT",
		Short: "runs a model on pictures",
		Long: `Runs a model on pictures, folders of pictures, or standard input (-), whatever the model
was trained to do. A picture of another size, colour or polarity than the model's is
brought to them, and what was done to it is told.

OUT is a picture's name, a folder for several, or - for a PNG on standard output.`,
		Example: `  hourglass apply runs/ae/model.safetensors seven.png -o seven-again.png
  hourglass apply runs/ae/model.safetensors scans/ -o out/`,
		Args: atLeastOne("a model file and pictures"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.pictures(cmd, args[0], recipes.ApplyOptions{Inputs: args[1:], Output: output, Precision: nn.Precision(precision)})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "a picture, a folder, or - for standard output")
	precisionFlag(cmd, &precision)
	return cmd
}

// precisionFlag adds the choice of what a network computes in.
func precisionFlag(cmd *cobra.Command, precision *string) {
	cmd.Flags().StringVar(precision, "precision", string(nn.Float32),
		"float32, or bfloat16: faster where the processor has AVX512_BF16, with errors of about 1 % a layer")
}

// pictures runs a model over pictures and prints a line for each.
func (a *app) pictures(cmd *cobra.Command, model string, o recipes.ApplyOptions) error {
	if len(o.Inputs) == 0 {
		return usage("%s takes pictures, folders of pictures, or -; `%s --help` shows an example", cmd.CommandPath(), cmd.CommandPath())
	}
	if err := required("-o OUT", o.Output); err != nil {
		return err
	}
	if a.json && o.Output == recipes.StandardStream {
		return usage("--json and -o - would both write to standard output: want one of them")
	}
	o.Stdin, o.Stdout = a.in, a.out
	var broken error
	o.OnPicture = func(r recipes.Applied) {
		for _, step := range r.Steps {
			a.tell(r.Input + ": " + step)
		}
		if o.Output == recipes.StandardStream || broken != nil {
			return
		}
		broken = a.result(r, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s -> %s (%.1f ms)\n", r.Input, r.Output, 1000*r.Seconds)
			return err
		})
	}
	if err := recipes.Apply(cmd.Context(), model, o); err != nil {
		return err
	}
	return broken
}

func (a *app) denoise() *cobra.Command {
	var output, model, precision string
	cmd := &cobra.Command{
		Use:   "denoise IN... -o OUT --model FILE",
		Short: "takes the noise out of pictures",
		Long: `Takes the noise out of pictures by a model that was trained to denoise. No such model is
built in yet: hourglass demo makes one for digits in less than a minute.

A picture of your own digit may have any size and be drawn dark on light: the digit is
found, scaled and centred as MNIST's digits are, and inverted where the model needs it; what was
done is told. The result has the model's size.`,
		Example: `  hourglass demo
  hourglass denoise my-digit.jpg -o clean.png --model hourglass-demo/model.safetensors
  hourglass denoise scans/ -o clean/ --model hourglass-demo/model.safetensors`,
		Args: atLeastOne("pictures, folders of pictures, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(model) == "" {
				return usage("which model? --model FILE is missing; `hourglass demo` makes one for digits: hourglass-demo/model.safetensors")
			}
			return a.pictures(cmd, model, recipes.ApplyOptions{Task: recipes.Denoise, Inputs: args, Output: output, Precision: nn.Precision(precision)})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "a picture, a folder, or - for standard output")
	precisionFlag(cmd, &precision)
	cmd.Flags().StringVar(&model, "model", "", "a model that was trained to denoise")
	return cmd
}
