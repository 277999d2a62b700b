package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
	"github.com/hourglass-go/hourglass/train"
)

func (a *app) train() *cobra.Command {
	var o recipes.TrainOptions
	var epochs int
	var recompute bool
	var set []string
	cmd := &cobra.Command{
		Use:   "train RECIPE|FILE.yaml [-o RUN]",
		Short: "trains a recipe",
		Long: `Trains an embedded recipe (see hourglass recipes) or one of your own, a YAML file.

RUN, by default runs/NAME, holds afterwards
  model.safetensors   the model: best on validation, the last where there is none
  last.safetensors    the checkpoint that --resume goes on from
  history.jsonl       one line an epoch
  recipe.yaml         the recipe with every default written out
  curves.png          loss and metrics over the epochs
  samples.png         test pictures and what the model makes of them

Recipe, settings and RUN are checked before any data is read. Ctrl-C leaves a checkpoint;
a second Ctrl-C ends at once. A run that is resumed ends in the same bits as one that was
never stopped.`,
		Example: `  hourglass train mnist-denoise -o runs/denoise
  hourglass train mnist-autoencoder --epochs 4 --set loss=l1 --set model.code=16
  hourglass train folder-denoise --data pictures -o runs/mine
  hourglass train mnist-denoise -o runs/denoise --resume`,
		Args:              exactly(1, "a recipe's name or file"),
		ValidArgsFunction: completeRecipes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Resume && o.Force {
				return usage("--resume goes on with the run, --force overwrites it: want one of them")
			}
			if cmd.Flags().Changed("epochs") {
				set = append(set, fmt.Sprintf("epochs=%d", epochs))
			}
			if cmd.Flags().Changed("recompute") {
				set = append(set, fmt.Sprintf("recompute=%t", recompute))
			}
			r, err := recipes.Load(args[0], a.assignments(set)...)
			if err != nil {
				return err
			}
			if o.Dir == "" {
				o.Dir = "runs/" + r.Name
			}
			return a.follow(cmd.Context(), r, o, recipes.Train)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Dir, "output", "o", "", "the run's folder (default runs/NAME)")
	f.StringVar(&o.Data, "data", "", "the data's folder (default $HOURGLASS_DATA/NAME, then the cache)")
	f.IntVar(&epochs, "epochs", 0, "passes over the training pictures (default: the recipe's)")
	f.StringArrayVar(&set, "set", nil, "changes a key of the recipe, such as loss=l1 or optimizer.learning_rate=0.01")
	f.BoolVar(&recompute, "recompute", false, "takes less memory and more time; the result is the same")
	f.StringVar(&o.Init, "init", "", "begins with the weights of this model")
	f.BoolVar(&o.Resume, "resume", false, "goes on with the run in RUN")
	f.BoolVar(&o.Force, "force", false, "overwrites the run in RUN")
	return cmd
}

// assignments are those of --set, with that of --seed, where it was given, behind.
func (a *app) assignments(set []string) []string {
	if a.seedSet {
		set = append(set, fmt.Sprintf("seed=%d", a.seed))
	}
	return set
}

// done is the last line of a training's JSON.
type done struct {
	Event string `json:"event"`
	recipes.Outcome
	PeakRSS int64 `json:"peak_rss_bytes"`
}

type trainer func(context.Context, *recipes.Recipe, recipes.TrainOptions) (*recipes.Outcome, error)

// follow runs a training and prints how it goes and how it ends.
func (a *app) follow(ctx context.Context, r *recipes.Recipe, o recipes.TrainOptions, run trainer) error {
	p := a.progress("training")
	o.Workers, o.Version, o.Tell = a.threads, version(), a.tell
	o.OnStep = func(s train.StepInfo) {
		p.at(int64(s.Epoch-1)*int64(s.Batches)+int64(s.Batch), int64(s.Epochs)*int64(s.Batches))
	}
	var broken error // standard output that can no longer be written to
	o.OnEpoch = func(e train.Epoch) {
		p.note = fmt.Sprintf("(epoch %d of %d: %.2f s, %s)", e.Epoch, r.Epochs, e.Seconds, metricLine(e.Metrics))
		if a.json && broken == nil {
			broken = a.emit(e)
		}
	}
	outcome, err := run(ctx, r, o)
	p.end()
	if errors.Is(err, context.Canceled) {
		return &interruptedError{resumeHint(o.Dir)}
	}
	if err == nil {
		err = broken
	}
	if err != nil {
		return err
	}
	return a.result(done{"done", *outcome, peakMemory()}, func(w io.Writer) error {
		if outcome.Stopped != "" {
			fmt.Fprintln(w, outcome.Stopped)
		}
		fmt.Fprintf(w, "%s: %d epochs, %.2f s each; test pictures: %s\n", outcome.Recipe, outcome.Epochs, outcome.SecondsPerEpoch, metricLine(outcome.Metrics))
		if len(outcome.Files) == 0 {
			_, err := fmt.Fprintf(w, "%s holds a finished run: there was nothing to do\n", o.Dir)
			return err
		}
		_, err := fmt.Fprintln(w, "written: "+strings.Join(outcome.Files, ", "))
		return err
	})
}

// resumeHint tells where an interrupted run can be taken up again, where it can.
func resumeHint(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, train.CheckpointFile)); err != nil {
		return ""
	}
	return fmt.Sprintf("; %s holds a checkpoint, --resume goes on from there", dir)
}
