package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/internal/atomicfile"
)

var errFull = errors.New("no space left on device")

// onlyFiles fails the test where dir holds anything but the named files.
func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	for _, content := range []string{"first", "", strings.Repeat("long", 100000)} {
		if err := atomicfile.WriteBytes(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(content))
		}
	}
	onlyFiles(t, dir, "a.txt")
}

func TestWriteErrorLeavesOldContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := atomicfile.WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	err := atomicfile.Write(path, func(w io.Writer) error {
		io.WriteString(w, strings.Repeat("part", 100000))
		return errFull
	})
	if !errors.Is(err, errFull) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not carry the cause and %s", err, path)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("content is now %q", got)
	}
	onlyFiles(t, dir, "a.txt")
}

func TestWritePanicRemovesTemporary(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() { recover() }()
		atomicfile.Write(filepath.Join(dir, "a"), func(io.Writer) error { panic("caller's bug") })
	}()
	onlyFiles(t, dir)
}

func TestWriteKeepsPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteBytes(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWriteFollowsLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := atomicfile.WriteBytes(link, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "x" {
		t.Errorf("the target holds %q", got)
	}
	if info, _ := os.Lstat(link); info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
}

func TestWriteUnwritable(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "missing", "a"), dir} {
		err := atomicfile.WriteBytes(path, nil)
		var e *atomicfile.Error
		if !errors.As(err, &e) || e.Path != path {
			t.Errorf("%s: error %v", path, err)
		}
		if err != nil && strings.Contains(err.Error(), ".tmp-") {
			t.Errorf("the message names the temporary file: %v", err)
		}
	}
}

// TestWriteFullDisk writes to the device that is always full.
func TestWriteFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	err := atomicfile.WriteBytes("/dev/full", []byte("x"))
	if err == nil || !strings.Contains(err.Error(), "/dev/full") || !strings.Contains(err.Error(), "no space") {
		t.Errorf("error %v", err)
	}
}

func TestWriteFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "out")
	put := func(d string) error { return os.WriteFile(filepath.Join(d, "a"), []byte("x"), 0o666) }
	err := atomicfile.WriteFolder(path, func(d string) error {
		if err := put(d); err != nil {
			return err
		}
		return errFull
	})
	if !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
	onlyFiles(t, filepath.Join(dir, "sub"))
	if err := os.Mkdir(path, 0o777); err != nil { // an empty folder may be there
		t.Fatal(err)
	}
	if err := atomicfile.WriteFolder(path, put); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, filepath.Join(dir, "sub"), "out")
	onlyFiles(t, path, "a")
	if err := atomicfile.WriteFolder(path, put); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a full folder was accepted: %v", err)
	}
}
