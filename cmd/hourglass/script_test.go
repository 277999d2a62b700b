package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hourglass": main})
}

// TestScripts runs the scripts in testdata. Beside testscript's own commands they have
//
//	exits CODE COMMAND...   runs a command that must end with that code
//	json KEY...             every line of standard output is an object, the last one with the keys
//	waitfor FILE            waits, up to 20 s, until the file is there
//	truncate FILE N         cuts the file after N bytes
//
// and the condition root, for a user who can write anywhere.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("HOURGLASS_DATA", "")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"json":     isJSON,
			"waitfor":  waitFor,
			"truncate": truncate,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func isJSON(ts *testscript.TestScript, neg bool, keys []string) {
	var last map[string]any
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			ts.Fatalf("no JSON object: %v: %s", err, line)
		}
	}
	for _, key := range keys {
		if _, ok := last[key]; !ok {
			ts.Fatalf("the last object has no %q: %v", key, last)
		}
	}
}

func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	for range 2000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s has not appeared", args[0])
}

func truncate(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// TestEveryVerbTeaches holds the help of every verb to its duties: what it does, and an
// example that the program's own parser takes.
func TestEveryVerbTeaches(t *testing.T) {
	root := (&app{}).root()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" || cmd.Name() == "help" {
			continue
		}
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s lacks a short or a long text or an example", cmd.Name())
		}
		for line := range strings.Lines(cmd.Example) {
			words := strings.Fields(strings.SplitN(line, ">", 2)[0])
			found, rest, err := (&app{}).root().Find(words[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err != nil || words[0] != "hourglass" {
				t.Errorf("%s: example %q: %v", cmd.Name(), strings.TrimSpace(line), err)
			}
		}
	}
}

// TestVersionIsQuick allows ten times what is promised, since other tests run beside.
func TestVersionIsQuick(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "hourglass") // testscript.Main tells commands by their name
	if err := os.Symlink(self, name); err != nil {
		t.Skip(err)
	}
	best := time.Hour
	for range 5 {
		begin := time.Now()
		if out, err := exec.Command(name, "version").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		best = min(best, time.Since(begin))
	}
	if best > 200*time.Millisecond {
		t.Errorf("version takes %v", best)
	}
}

// TestSlowDemo runs the demo as a new user does.
func TestSlowDemo(t *testing.T) {
	if os.Getenv("HOURGLASS_SLOW") == "" {
		t.Skip("HOURGLASS_SLOW is not set: the demo trains for some seconds")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := t.TempDir()
	var out, log bytes.Buffer
	begin := time.Now()
	if code := run(ctx, []string{"demo", "-o", dir, "--json"}, nil, &out, &log); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, &log)
	}
	took := time.Since(begin)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last done
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	gain := last.Metrics["psnr"] - last.Metrics["psnr_input"]
	t.Logf("%.1f s, %.2f dB gained, %d MiB", took.Seconds(), gain, last.PeakRSS>>20)
	if gain < 6 {
		t.Errorf("%.2f dB gained, want 6", gain)
	}
	for _, name := range []string{"report.html", "digits.png", "curves.png", "model.safetensors"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
