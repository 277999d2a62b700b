package repository_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/bench"
)

var peerCase = regexp.MustCompile(`"([a-z0-9-]+/(?:infer|train)/[0-9x]+)"`)

// TestPeersCases holds the cases that peers are compared by against those of hourglass bench.
func TestPeersCases(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "bench", "peers", "run"))
	if err != nil {
		t.Fatal(err)
	}
	found := peerCase.FindAllSubmatch(text, -1)
	if len(found) == 0 {
		t.Error("bench/peers/run names no case")
	}
	for _, m := range found {
		if name := string(m[1]); !slices.Contains(bench.Cases(), name) {
			t.Errorf("bench/peers/run takes %s, which hourglass bench does not have", name)
		}
	}
}
