package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
)

// taskVerb is a verb that runs models of one task on pictures.
func (a *app) taskVerb(task, short, long, example string) *cobra.Command {
	var output, model string
	cmd := &cobra.Command{
		Use:     task + " IN... -o OUT --model FILE",
		Short:   short,
		Long:    long,
		Example: example,
		Args:    atLeastOne("pictures, folders of pictures, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(model) == "" {
				return usage("which model? --model FILE is missing; `hourglass recipes` lists what trains one for the task %s", task)
			}
			return a.pictures(cmd, model, recipes.ApplyOptions{Task: task, Inputs: args, Output: output})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "a picture, a folder, or - for standard output")
	cmd.Flags().StringVar(&model, "model", "", "a model that was trained to "+task)
	return cmd
}

func (a *app) upscale() *cobra.Command {
	return a.taskVerb(recipes.Upscale, "enlarges pictures",
		`Enlarges pictures by a model that was trained to upscale: bilinearly, as many times as the
model was trained for; the model then restores the details that are missing.`,
		`  hourglass train upscale-unet --data photographs -o runs/upscale
  hourglass upscale small.png -o large.png --model runs/upscale/model.safetensors`)
}

func (a *app) segment() *cobra.Command {
	return a.taskVerb(recipes.Segment, "tells what every pixel belongs to",
		`Tells the class of every pixel by a model that was trained to segment. The result is a picture
of the size of the input, in the colours of the model's palette.`,
		`  hourglass train membrane-unet -o runs/membrane
  hourglass segment slice.png -o cells.png --model runs/membrane/model.safetensors`)
}
