package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/recipes"
)

func (a *app) models() *cobra.Command {
	return &cobra.Command{
		Use:   "models",
		Short: "lists the architectures",
		Long: `Lists the architectures that recipes can name, each with its options and their
defaults, the number of parameters at those, and the paper it comes from.`,
		Example: `  hourglass models
  hourglass info autoencoder --set code=8`,
		Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			for _, m := range models.All() {
				info, err := recipes.Describe(m.Name, nil, nil)
				if err != nil {
					return err
				}
				if err := a.result(architecture{m.Name, m.Summary, m.Paper, info.Parameters, options(m)}, func(w io.Writer) error {
					return printArchitecture(w, m, info.Parameters)
				}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// architecture is a line of the JSON.
type architecture struct {
	Name       string         `json:"name"`
	Summary    string         `json:"summary"`
	Paper      string         `json:"paper"`
	Parameters int            `json:"parameters"`
	Options    map[string]any `json:"options"` // with their defaults
}

func options(m models.Architecture) map[string]any {
	o := map[string]any{}
	for _, option := range m.Options {
		o[option.Name] = option.Default
	}
	return o
}

func printArchitecture(w io.Writer, m models.Architecture, parameters int) error {
	fmt.Fprintf(w, "%s: %s\n%d parameters at the defaults; %s\n", m.Name, m.Summary, parameters, m.Paper)
	rows := [][]string{}
	for _, o := range m.Options {
		value, err := json.Marshal(o.Default)
		if err != nil {
			return err
		}
		rows = append(rows, []string{"  " + o.Name, string(value), o.Meaning})
	}
	return table(w, rows)
}
