package repository_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/recipes"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestRecipesAreDocumented holds docs/recipes.md against the names that recipes may use,
// and reads the recipes that it shows.
func TestRecipesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "recipes.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Error("docs/recipes.md shows no recipe")
	}
	for _, b := range blocks {
		if _, err := recipes.Parse("docs/recipes.md", []byte(b[1])); err != nil {
			t.Error(err)
		}
	}
	names := append(recipes.Keys(), optim.Names()...)
	names = append(names, optim.ScheduleNames()...)
	names = append(names, recipes.Tasks()...)
	for _, a := range models.All() {
		names = append(names, a.Name)
		for _, o := range a.Options {
			names = append(names, o.Name)
		}
	}
	for _, p := range metrics.Protocols() {
		names = append(names, p.Name)
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") && !strings.Contains(string(text), "`"+name+":") {
			t.Errorf("docs/recipes.md does not mention `%s`", name)
		}
	}
}
