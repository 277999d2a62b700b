package repository_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/hourglass-go/hourglass/"

// A row of the table of packages: its folder, and the folders that it may import from.
var row = regexp.MustCompile("(?m)^\\| `([a-z/0-9]+)` \\|[^|]*\\| ([^|]*) \\|$")

// table reads docs/architecture.md. "All above" stands for every row above.
func table(t *testing.T) map[string][]string {
	t.Helper()
	allowed := map[string][]string{}
	var above []string
	for _, m := range row.FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "architecture.md")), -1) {
		switch imports := strings.Trim(m[2], " "); imports {
		case "-":
			allowed[m[1]] = nil
		case "all above":
			allowed[m[1]] = slices.Clone(above)
		default:
			for name := range strings.SplitSeq(imports, ", ") {
				allowed[m[1]] = append(allowed[m[1]], strings.Trim(name, "`"))
			}
		}
		above = append(above, m[1])
	}
	return allowed
}

// folder returns the row that a package belongs to: its own, or that of the nearest
// folder above it.
func folder(t *testing.T, pkg string, rows map[string][]string) string {
	t.Helper()
	for f := pkg; f != "."; f = filepath.ToSlash(filepath.Dir(f)) {
		if _, ok := rows[f]; ok {
			return f
		}
	}
	t.Errorf("package %s is not in the table of docs/architecture.md", pkg)
	return ""
}

// TestImports holds the table of packages in docs/architecture.md against the imports
// of the code, tests aside.
func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,GoFiles,Imports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	allowed := table(t)
	seen := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath       string
			GoFiles, Imports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkg := strings.TrimPrefix(p.ImportPath, module)
		if len(p.GoFiles) == 0 { // tests alone
			continue
		}
		from := folder(t, pkg, allowed)
		seen[from] = true
		for _, i := range p.Imports {
			name, ours := strings.CutPrefix(i, module)
			if !ours {
				continue
			}
			if to := folder(t, name, allowed); to != from && !slices.Contains(allowed[from], to) {
				t.Errorf("%s imports %s; docs/architecture.md allows it %v", pkg, name, allowed[from])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		if !seen[name] {
			t.Errorf("docs/architecture.md lists %s, which holds no package", name)
		}
		for _, to := range allowed[name] {
			if _, ok := allowed[to]; !ok {
				t.Errorf("docs/architecture.md allows %s to import %s, which is not in its table", name, to)
			}
		}
	}
}
