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

// TestCommandsExist builds the program and asks it for the help of every command line
// that the documents show: the verb must be one, and have the flags.
func TestCommandsExist(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	binary := filepath.Join(t.TempDir(), "hourglass.exe")
	build := exec.Command("go", "build", "-o", binary, "./cmd/hourglass")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
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
