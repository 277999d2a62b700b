package repository_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var program = regexp.MustCompile("(?ms)^```go\n(package main\n.*?)^```$")

// TestReadmeProgramRuns builds the README's library example as it stands there and runs
// it: it trains a small network for a moment.
func TestReadmeProgramRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and trains")
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := program.FindSubmatch(text)
	if m == nil {
		t.Fatal("README.md holds no Go program")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, m[1], 0o666); err != nil {
		t.Fatal(err)
	}
	formatted, err := exec.Command("gofmt", file).Output()
	if err != nil || string(formatted) != string(m[1]) {
		t.Errorf("the program is not formatted as gofmt does it (%v)", err)
	}
	run := exec.Command("go", "run", file)
	run.Dir = root
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"epoch 3 ", " dB, restored ", "codes of five digits: [5 32]"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the program printed no %q:\n%s", want, out)
		}
	}
}
