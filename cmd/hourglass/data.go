package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/internal/nearest"
)

func (a *app) data() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data list|get NAME",
		Short: "lists and obtains data sets",
		Long: `Lists the data sets that can be obtained, and obtains them. Nothing else in this program
uses the network.`,
		Example: `  hourglass data list
  hourglass data get mnist`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s takes list or get NAME; `%s --help` shows an example", cmd.CommandPath(), cmd.CommandPath())
			}
			return unknownVerb(cmd, args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(a.dataList(), a.dataGet())
	return cmd
}

func (a *app) dataList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "lists the data sets",
		Long:    "Lists the data sets that data get can bring, with their size, their licence, and where they lie if they are here.",
		Example: `  hourglass data list`,
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			rows := [][]string{{"NAME", "WHAT", "PICTURES", "MiB", "LICENCE", "HERE"}}
			for _, e := range dataset.Catalogue() {
				dir, err := dataset.Find(e.Name, "")
				if err != nil {
					dir = ""
				}
				if a.json {
					if err := a.emit(map[string]any{"name": e.Name, "title": e.Title, "source": e.Source, "licence": e.Licence,
						"train": e.Train, "test": e.Test, "bytes": e.Size(), "dir": dir}); err != nil {
						return err
					}
				}
				rows = append(rows, []string{e.Name, e.Title, fmt.Sprintf("%d + %d", e.Train, e.Test), fmt.Sprint(e.Size() >> 20), e.Licence, dir})
			}
			if a.json {
				return nil
			}
			return table(a.out, rows)
		},
	}
}

func (a *app) dataGet() *cobra.Command {
	var o dataset.GetOptions
	var names []string
	for _, e := range dataset.Catalogue() {
		names = append(names, e.Name)
	}
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "obtains a data set",
		Long: `Brings a data set to the cache folder ($XDG_CACHE_HOME/hourglass/NAME), checked by
SHA-256. A download that was interrupted goes on where it stopped; with --from the
files come from a folder.`,
		Example: `  hourglass data get mnist
  hourglass data get fashion-mnist --from /usr/share/datasets/fashion-mnist`,
		Args: exactly(1, "a data set's name"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(names, args[0]) {
				return usage("no data set %q%s", args[0], nearest.Hint(args[0], names))
			}
			bars := map[string]*progress{}
			o.Progress = func(p dataset.Progress) {
				if bars[p.File] == nil {
					bars[p.File] = a.progress(p.File)
				}
				bars[p.File].at(p.Done, p.Total)
				if p.Done == p.Total {
					bars[p.File].end()
				}
			}
			dir, err := dataset.Get(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			return a.result(map[string]string{"name": args[0], "dir": dir}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is in %s\n", args[0], dir)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&o.From, "from", "", "a folder that has the files already, plain or .gz")
	return cmd
}
