package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) compress() *cobra.Command {
	var o recipes.CompressOptions
	cmd := &cobra.Command{
		Use:   "compress MODEL IN -o X.hgz",
		Short: "stores a picture as a small file, through a model's bottleneck",
		Long: `Stores a picture as a small file: the code that an autoencoder makes of it, rounded to
whole numbers and entropy coded. To read it again, hourglass decompress needs the same model.

A model for pictures of one size sees the picture in tiles of that size. The codes of a
vector-quantised model are stored as they are. Those of other models are stored in multiples of
a step: a larger one makes smaller files and worse pictures. Printed are the size of the file and
the PSNR of what decompress will make of it.`,
		Example: `  hourglass train compress-fashion -o runs/cf
  hourglass compress runs/cf/model.safetensors sheet.png -o sheet.hgz
  hourglass compress runs/cf/model.safetensors sheet.png -o sheet.hgz --step 2
  hourglass decompress sheet.hgz -o again.png --model runs/cf/model.safetensors`,
		Args: exactly(2, "a model file and a picture"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required("-o X.hgz", o.Out); err != nil {
				return err
			}
			if cmd.Flags().Changed("step") && !(o.Step > 0) { // 0 stands for the usual in recipes
				return usage("--step %v: want a number above 0", o.Step)
			}
			o.In = args[1]
			p, err := recipes.Compress(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			for _, step := range p.Steps {
				a.tell(p.Input + ": " + step)
			}
			return a.result(p, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s -> %s: %d bytes, %.3f bits a pixel, psnr %.2f dB\n", p.Input, p.Output, p.Bytes, p.BitsPerPixel, p.PSNR)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "output", "o", "", "the file to write")
	f.Float64Var(&o.Step, "step", 0, "what the code is rounded to multiples of (default: what the model was trained for, or an eighth of the code's deviation)")
	return cmd
}

func (a *app) decompress() *cobra.Command {
	var out, model string
	cmd := &cobra.Command{
		Use:   "decompress X.hgz -o OUT --model FILE",
		Short: "makes a picture of a file that compress has written",
		Long: `Makes a picture of a file that hourglass compress has written, by the model that wrote
it. A file that is damaged, or of another model, is refused.`,
		Example: `  hourglass decompress sheet.hgz -o again.png --model runs/cf/model.safetensors`,
		Args:    exactly(1, "a file that hourglass compress has written"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required("-o OUT", out); err != nil {
				return err
			}
			u, err := recipes.Decompress(cmd.Context(), model, args[0], out)
			if err != nil {
				return err
			}
			return a.result(u, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s -> %s: %dx%d pixels\n", u.Input, u.Output, u.Width, u.Height)
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the picture to write")
	cmd.Flags().StringVar(&model, "model", "", "the model that compressed the file")
	return cmd
}
