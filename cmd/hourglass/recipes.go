package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/recipes"
)

// completeRecipes offers the names of the embedded recipes, and files.
func completeRecipes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return recipes.Names(), cobra.ShellCompDirectiveDefault
}

func (a *app) recipes() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recipes [show NAME]",
		Short: "lists the embedded recipes",
		Long: `Lists the recipes that come with the program: what each trains, on which data, the
figure to expect and the time on two cores.`,
		Example: `  hourglass recipes
  hourglass recipes show mnist-denoise > mine.yaml`,
		Args: exactly(0, "no arguments, or show NAME"),
		RunE: func(*cobra.Command, []string) error {
			list, err := recipes.List()
			if err != nil {
				return err
			}
			rows := [][]string{{"NAME", "TASK", "DATA", "EXPECTED", "TIME"}}
			for _, r := range list {
				if a.json {
					if err := a.emit(map[string]string{"name": r.Name, "task": r.Task, "description": r.Description,
						"data": r.Data.Name, "expected": r.Expected, "time": r.Time}); err != nil {
						return err
					}
				}
				rows = append(rows, []string{r.Name, r.Task, r.Data.Name, r.Expected, r.Time})
			}
			if a.json {
				return nil
			}
			return table(a.out, rows)
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:               "show NAME",
		Short:             "prints a recipe's YAML, to start one's own from",
		Example:           `  hourglass recipes show folder-denoise > mine.yaml`,
		Args:              exactly(1, "a recipe's name"),
		ValidArgsFunction: completeRecipes,
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := recipes.Show(args[0])
			if err != nil {
				return err
			}
			return a.result(map[string]string{"name": args[0], "yaml": text}, func(w io.Writer) error {
				_, err := io.WriteString(w, text)
				return err
			})
		},
	})
	return cmd
}
