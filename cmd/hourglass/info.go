package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/internal/bench"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) info() *cobra.Command {
	var set []string
	var size, draw string
	var profile bool
	cmd := &cobra.Command{
		Use:   "info MODEL|RECIPE|ARCHITECTURE",
		Short: "describes a model: layers, parameters, operations, memory",
		Long: `Describes a model file, or the model of a recipe or an architecture: every layer with the
shape of its output, parameters, floating-point operations, the memory of its output, and how
many pixels of the picture one of its own can depend on (SEES),
and what a model file says about itself. With --profile, one picture is put through the
model, and the time of every layer follows.`,
		Example: `  hourglass info hourglass-demo/model.safetensors
  hourglass info mnist-autoencoder
  hourglass info autoencoder --set hidden=[256] --set code=8 --draw net.svg
  hourglass info unet --size 333x517 --profile`,
		Args: exactly(1, "a model file, a recipe or an architecture"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return append(recipes.Names(), models.Names()...), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			hw, err := parseSize(size)
			if err != nil {
				return err
			}
			info, err := recipes.Describe(args[0], set, hw)
			if err != nil {
				return err
			}
			if draw != "" {
				if err := info.Draw(draw); err != nil {
					return err
				}
			}
			if err := a.result(info, func(w io.Writer) error { return printInfo(w, info) }); err != nil || !profile {
				return err
			}
			model, picture := info.Model()
			r, err := bench.Model(cmd.Context(), info.Name, model, picture, a.threads)
			if err != nil {
				return err
			}
			if !a.json {
				fmt.Fprintln(a.out)
			}
			return a.benched(r)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&set, "set", nil, "changes a key of the recipe, or an option of the architecture")
	f.StringVar(&size, "size", "", "height and width of a picture, such as 256x384 (default: the model's own, 256x256 where it takes any)")
	f.BoolVar(&profile, "profile", false, "also measures how long every layer takes")
	f.StringVar(&draw, "draw", "", "also draws the network to this file, an SVG")
	return cmd
}

// parseSize reads HxW; nothing stands for the model's own size.
func parseSize(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	h, w, ok := strings.Cut(text, "x")
	height, err1 := strconv.Atoi(h)
	width, err2 := strconv.Atoi(w)
	if !ok || err1 != nil || err2 != nil || height < 1 || width < 1 {
		return nil, usage("--size %s: want height and width in pixels, such as 256x384", text)
	}
	return []int{height, width}, nil
}

func printInfo(w io.Writer, info *recipes.Info) error {
	fmt.Fprintf(w, "%s (%s)\n\n", info.Name, info.Kind)
	rows := [][]string{{"LAYER", "TYPE", "OUTPUT", "PARAMETERS", "MFLOP", "KiB", "SEES"}}
	for _, l := range info.Layers {
		field := ""
		if l.Field[0] > 0 {
			field = fmt.Sprintf("%dx%d", l.Field[0], l.Field[1])
		}
		rows = append(rows, []string{
			l.Name, l.Type, l.Output.String(), strconv.Itoa(l.Parameters),
			fmt.Sprintf("%.3g", float64(l.FLOPs)/1e6), fmt.Sprintf("%.4g", float64(l.Memory)/(1<<10)), field,
		})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d parameters, %d of them trainable; one picture takes %.3g MFLOP and %.3g MiB, weights included\n",
		info.Parameters, info.Trainable, float64(info.FLOPs)/1e6, float64(info.Memory)/(1<<20))
	if info.Metadata == nil {
		return nil
	}
	return printMetadata(w, info.Metadata)
}

func printMetadata(w io.Writer, m *modelfile.Metadata) error {
	rows := [][]string{{"name", m.Name}, {"task", m.Task}, {"pictures", string(m.Picture.Polarity)}}
	if t := m.Trained; t.Epochs > 0 {
		rows = append(rows, []string{"trained", fmt.Sprintf("%d epochs on %s, seed %d, by version %s", t.Epochs, t.Data, t.Seed, t.Version)})
	}
	for _, s := range m.Scores {
		rows = append(rows, []string{s.Metric, fmt.Sprintf("%s on %d %s pictures of %s", figure(s.Metric, s.Value), s.Samples, s.Split, s.Data)})
	}
	fmt.Fprintln(w)
	return table(w, rows)
}
