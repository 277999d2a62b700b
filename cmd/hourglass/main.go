// Command hourglass trains encoder-decoder networks on pictures and runs them.
//
// Every verb is a file of this package; it parses its flags, calls the library and prints.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hourglass-go/hourglass/internal/nearest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the program at once
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// gcPercent is how much garbage may lie beside what is in use. Most of that is a data set,
// and a step of training makes no garbage, so little is collected often at no cost.
const gcPercent = 25

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, err io.Writer) int {
	a := &app{in: in, out: out, err: err}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	failure := root.ExecuteContext(ctx)
	if failure == nil {
		failure = a.helpless
	}
	if failure != nil {
		return a.fail(failure)
	}
	return exitDone
}

// app is what all verbs share.
type app struct {
	in       io.Reader
	out, err io.Writer

	json    bool
	quiet   bool
	threads int
	seed    uint64
	seedSet bool

	helpless error // that help was asked for with an unknown verb
}

const maxThreads = 1024

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "hourglass",
		Short: "trains and runs encoder-decoder networks on pictures",
		Long: `Hourglass trains and runs encoder-decoder networks on pictures: autoencoders that
squeeze a picture through a few numbers and unfold it again, without the noise.

Begin with
  hourglass demo                  trains on embedded digits, and shows what came of it
  hourglass recipes               what else there is to train
  hourglass train RECIPE -o RUN   trains it

Exit codes: 0 done, 1 failed at run time, 2 wrong usage or input.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownVerb(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.seedSet = cmd.Flags().Changed("seed")
			if a.threads < 0 || a.threads > maxThreads {
				return usage("--threads %d: want 1 to %d, or 0 for all", a.threads, maxThreads)
			}
			if a.threads > 0 {
				runtime.GOMAXPROCS(a.threads)
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v; `%s --help` lists the flags", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "one JSON object a line on standard output, everything else on standard error")
	flags.BoolVar(&a.quiet, "quiet", false, "no progress, only results")
	flags.IntVar(&a.threads, "threads", 0, "processor threads to use; 0: all")
	flags.Uint64Var(&a.seed, "seed", 1, "of everything random")
	root.AddCommand(
		a.demo(), a.recipes(), a.models(), a.train(), a.eval(), a.apply(), a.denoise(), a.upscale(), a.segment(), a.compress(), a.decompress(), a.embed(), a.sample(), a.importWeights(),
		a.info(), a.data(), a.bench(), a.version(),
	)
	strict(root)
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if verbs := cmd.Flags().Args(); cmd.HasSubCommands() && len(verbs) > 0 {
			a.helpless = unknownVerb(cmd, verbs[0]) // which a help function cannot return
			return
		}
		help(cmd, args)
	})
	return root
}

// strict makes cobra's own verbs, help and completion, refuse what they do not know.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Run, c.RunE = nil, func(cmd *cobra.Command, args []string) error {
				topic, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return unknownVerb(root, strings.Join(args, " "))
				}
				return topic.Help()
			}
		case "completion":
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return cmd.Help()
				}
				return unknownVerb(cmd, args[0])
			}
		}
	}
}

// unknownVerb names the verb of cmd that was probably meant.
func unknownVerb(cmd *cobra.Command, name string) error {
	var verbs []string
	for _, c := range cmd.Commands() {
		verbs = append(verbs, c.Name())
	}
	return usage("unknown verb %q%s", name, nearest.Hint(name, verbs))
}

// exactly wants that many arguments, and says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usage("%s takes %s, was given %d arguments; `%s --help` shows an example", cmd.CommandPath(), what, len(args), cmd.CommandPath())
	}
}

// atLeastOne wants an argument or more.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return usage("%s takes %s; `%s --help` shows an example", cmd.CommandPath(), what, cmd.CommandPath())
	}
}

// required refuses a flag that was left out.
func required(name, value string) error {
	if value == "" {
		return usage("where to? %s is missing", name)
	}
	return nil
}

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }
