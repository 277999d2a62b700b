package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) embed() *cobra.Command {
	var o recipes.EmbedOptions
	cmd := &cobra.Command{
		Use:   "embed MODEL -o PLOT.png",
		Short: "draws the codes of a data set in the plane",
		Long: `Runs the first half of an autoencoder over the test pictures, and draws their codes in
the plane, coloured by label: by t-SNE (van der Maaten 2014), or by PCA.

Printed are the Kullback-Leibler divergence of the t-SNE map in nats, or the share of the
variance that PCA keeps; and of the codes themselves the accuracy of 10 nearest neighbours
and the normalised mutual information of a k-means clustering with the labels.`,
		Example: `  hourglass embed runs/ae/model.safetensors -o codes.png
  hourglass embed runs/ae/model.safetensors --method pca -o codes.png --csv codes.csv
  hourglass embed hourglass-demo/model.safetensors -o codes.png --thumbnails`,
		Args: exactly(1, "a model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required("-o PLOT.png", o.Out); err != nil {
				return err
			}
			if cmd.Flags().Changed("perplexity") && o.Perplexity == 0 { // which recipes takes for the default
				return usage("--perplexity 0: want more than 1, and at most a third of the number of codes")
			}
			p := a.progress("t-SNE")
			o.Seed, o.Workers = a.seed, a.threads
			o.OnStep = func(done, total int) { p.at(int64(done), int64(total)) }
			e, err := recipes.Embed(cmd.Context(), args[0], o)
			p.end()
			if err != nil {
				return err
			}
			return a.result(e, func(w io.Writer) error { return printEmbedded(w, e, o.CSV) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "output", "o", "", "the picture to write")
	f.StringVar(&o.CSV, "csv", "", "also writes codes and places in the plane to this file")
	f.StringVar(&o.Data, "data", "", "the data's folder (default $HOURGLASS_DATA/NAME, then the cache)")
	f.StringVar(&o.Split, "split", "test", "the part of the data: test or train")
	f.StringVar(&o.Method, "method", "tsne", "tsne or pca")
	f.Float64Var(&o.Perplexity, "perplexity", 0, "of t-SNE: about how many neighbours count (default 30)")
	f.BoolVar(&o.Pictures, "thumbnails", false, "draws the pictures in place of points")
	return cmd
}

func printEmbedded(w io.Writer, e *recipes.Embedded, csv string) error {
	fmt.Fprintf(w, "%d codes of %d numbers, of the %s pictures of %s\n", e.N, e.Code, e.Split, e.Data)
	if e.Method == "tsne" {
		fmt.Fprintf(w, "t-SNE: Kullback-Leibler divergence %.4f nats\n", e.Divergence)
	} else {
		fmt.Fprintf(w, "PCA: two components hold %.1f %% of the variance\n", 100*e.Variance)
	}
	if e.KNN != nil {
		fmt.Fprintf(w, "accuracy of 10 nearest neighbours %.4f, normalised mutual information of k-means %.4f\n", *e.KNN, *e.NMI)
	}
	written := e.Output
	if csv != "" {
		written += ", " + csv
	}
	_, err := fmt.Fprintln(w, "written: "+written)
	return err
}
