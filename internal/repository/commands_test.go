package repository_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	command = regexp.MustCompile("(?m)(?:^ {4}|`)hourglass ([a-z]+)([^`\n]*)")
	flag    = regexp.MustCompile(`(?:^|\s)(--?[a-z-]+)`)
)

// TestProgram builds the program as it is shipped, weighs it, and holds the documents'
// command lines against it.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	binary := filepath.Join(t.TempDir(), "hourglass.exe")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/hourglass")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("size", func(t *testing.T) { isSmall(t, binary) })
	t.Run("commands", func(t *testing.T) { commandsExist(t, binary) })
}

// isSmall leaves some room below the 20 MiB that are promised. A package that calls
// methods by names it learns at run time costs more than that room (docs/decisions/0013).
func isSmall(t *testing.T, binary string) {
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(18 << 20); info.Size() > limit {
		t.Errorf("the program has %d bytes, want at most %d", info.Size(), limit)
	}
}

// commandsExist asks the program for the help of every command line that the documents
// show: the verb must be one, and have the flags.
func commandsExist(t *testing.T, binary string) {
	help := map[string]string{}
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			verb := m[1]
			if _, ok := help[verb]; !ok {
				out, err := exec.Command(binary, verb, "--help").CombinedOutput()
				if err != nil || !strings.Contains(string(out), "hourglass "+verb) { // an unknown verb gets the general help
					t.Errorf("%s: there is no command hourglass %s (%v)", doc, verb, err)
				}
				help[verb] = string(out)
			}
			for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
				if !strings.Contains(help[verb], f[1]+" ") && !strings.Contains(help[verb], f[1]+",") {
					t.Errorf("%s: hourglass %s has no flag %s", doc, verb, f[1])
				}
			}
		}
	}
}
