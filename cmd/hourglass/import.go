package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) importWeights() *cobra.Command {
	var o recipes.ImportOptions
	cmd := &cobra.Command{
		Use:   "import FILE -o MODEL",
		Short: "makes a model of weights that other programs trained",
		Long: `Makes a model file of the weights of a VGG (11, 13, 16 or 19 layers, with batch
normalisation or without, with the dense layers or without) from a file of

  safetensors   with Keras's names (block1_conv1/kernel) or torchvision's (features.0.weight)
  PyTorch       a state dict, or a checkpoint that holds one; no code in it is run
  ONNX          whatever its tensors are called: layers are taken in the graph's order

The model file says how the network wants its pictures: as keras.applications does for
Keras's names, as torchvision does for its own.

With --architecture, the weights go into another network that has a VGG inside, such as
fcn-8s, whose fc6 and fc7 are the dense layers as convolutions, or vgg-unet; or, by their
names, into whatever network they are from. What the file has no weights for is told, and
starts at random.`,
		Example: `  hourglass import vgg16-imagenet.safetensors -o vgg16.safetensors
  hourglass import vgg16-397923af.pth -o fcn.safetensors --architecture fcn-8s --set classes=2
  hourglass import model.onnx -o vgg16.safetensors --normalisation bgr-mean`,
		Args: exactly(1, "a file of weights"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := required("-o MODEL", o.Output); err != nil {
				return err
			}
			if len(o.Set) > 0 && o.Architecture == "" {
				return usage("--set gives an architecture options: --architecture is missing")
			}
			done, err := recipes.Import(args[0], o)
			if err != nil {
				return err
			}
			if len(done.Left) > 0 {
				a.tell("at random, for the file has no weights for them: " + strings.Join(done.Left, ", "))
			}
			return a.result(done, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s: %s, %d parameters, from %s; pictures: %s\n", done.Output, done.Architecture, done.Parameters, done.Format, done.Normalisation)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "the model file")
	f.StringVar(&o.Architecture, "architecture", "", "the network that gets the weights (default: the VGG that the file holds)")
	f.StringArrayVar(&o.Set, "set", nil, "an option of the architecture")
	f.StringVar(&o.Normalisation, "normalisation", "", "how the network wants pictures: bgr-mean, rgb or none (default: as the file's library)")
	_ = cmd.RegisterFlagCompletionFunc("architecture", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return models.Names(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}
