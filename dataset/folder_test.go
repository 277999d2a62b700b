package dataset

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/tensor"
)

// png returns a picture of h rows and w columns whose value at (y, x, c) is
// base + 10y + x + 50c.
func png(t testing.TB, h, w, channels, base int) []byte {
	t.Helper()
	p := imageio.New(w, h, channels, 8)
	for y := range h {
		for x := range w {
			for c := range channels {
				p.Set(x, y, c, (base+10*y+x+50*c)%256)
			}
		}
	}
	var out bytes.Buffer
	if err := imageio.Encode(&out, p, imageio.PNG); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pictureFiles returns pictures of 4x6 under the given names; the value of the first
// pixel is the picture's number in the list.
func pictureFiles(t testing.TB, names ...string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for i, name := range names {
		files[name] = png(t, 4, 6, 1, i)
	}
	return files
}

func load(t testing.TB, files map[string][]byte, o FolderOptions) (train, test Pictures, err error) {
	t.Helper()
	return LoadFolder(context.Background(), folder(t, files), o)
}

func TestLoadFolderTrainTest(t *testing.T) {
	files := pictureFiles(t, "train/a.png", "train/b.PNG", "train/c.png", "test/a.png")
	files["train/notes.txt"], files["train/.hidden.png"], files["train/more/x.png"] = []byte("x"), []byte("x"), []byte("x")
	var calls []int
	train, test, err := load(t, files, FolderOptions{Progress: func(done, total int) { calls = append(calls, done*10+total) }})
	if err != nil {
		t.Fatal(err)
	}
	if train.Images.Len() != 3 || test.Images.Len() != 1 || train.Targets != nil || !train.Images.Shape().Equal(tensor.Shape{4, 6, 1}) {
		t.Errorf("%d and %d pictures of %v", train.Images.Len(), test.Images.Len(), train.Images.Shape())
	}
	for i := range 3 {
		if train.Images.Bytes(i)[0] != byte(i) || train.Images.Bytes(i)[13] != byte(i+21) {
			t.Errorf("picture %d begins with %d", i, train.Images.Bytes(i)[0])
		}
	}
	if train.Images.Name(1) != filepath.Join("train", "b.PNG") || test.Images.Bytes(0)[0] != 3 {
		t.Errorf("name %s", train.Images.Name(1))
	}
	if len(calls) != 4 || calls[3] != 44 {
		t.Errorf("progress %v", calls)
	}
	set, err := train.Set()
	if err != nil || !targetIsInput(set) {
		t.Errorf("pictures without partners must be their own targets: %v", err)
	}
}

func TestLoadFolderSplit(t *testing.T) {
	names := []string{}
	for c := 'a'; c <= 'z'; c++ {
		names = append(names, string(c)+".png")
	}
	o := FolderOptions{TestFraction: 0.25, Seed: 3}
	train, test, err := load(t, pictureFiles(t, names...), o)
	if err != nil {
		t.Fatal(err)
	}
	_, want := Split(26, 0.25, 3)
	if train.Images.Len() != 19 || test.Images.Len() != 7 {
		t.Fatalf("%d and %d pictures", train.Images.Len(), test.Images.Len())
	}
	for i, index := range want {
		if test.Images.Bytes(i)[0] != byte(index) {
			t.Errorf("test picture %d is %s", i, test.Images.Name(i))
		}
	}
	if train, _, err := load(t, pictureFiles(t, names...), FolderOptions{}); err != nil || train.Images.Len() != 23 {
		t.Errorf("a tenth is not the default: %d, %v", train.Images.Len(), err)
	}
}

func TestLoadFolderPairs(t *testing.T) {
	files := pictureFiles(t, "train/input/a.png", "train/target/a.png", "train/input/b.png", "train/target/b.png", "test/input/z.png", "test/target/z.png")
	files["train/input/a10.png"], files["train/target/a10.bmp"] = png(t, 4, 6, 1, 70), png(t, 4, 6, 1, 80)
	train, _, err := load(t, files, FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := [][2]byte{{0, 1}, {70, 80}, {2, 3}} // a, a10, b
	for i, w := range want {
		if train.Images.Bytes(i)[0] != w[0] || train.Targets.Bytes(i)[0] != w[1] {
			t.Errorf("pair %d is %d, %d; want %v", i, train.Images.Bytes(i)[0], train.Targets.Bytes(i)[0], w)
		}
	}
	if set, err := train.Set(); err != nil || set.Len() != 3 || targetIsInput(set) {
		t.Errorf("the set of pairs: %v", err)
	}

	// Labels in one folder, split; resized without new values.
	files = map[string][]byte{}
	for _, n := range []string{"a", "b", "c"} {
		files["image/"+n+".png"], files["label/"+n+".png"] = png(t, 8, 6, 3, 0), png(t, 8, 6, 1, 0)
	}
	train, test, err := load(t, files, FolderOptions{H: 4, W: 3, Fit: FitResize, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !train.Targets.Shape().Equal(tensor.Shape{4, 3, 1}) || train.Images.C != 1 || test.Targets.Len() != 1 {
		t.Errorf("targets %v, images %v", train.Targets.Shape(), train.Images.Shape())
	}
	for i, v := range train.Targets.Bytes(0) {
		if y, x := int(v)/10, int(v)%10; y/2 != i/3 || x/2 != i%3 || x > 5 {
			t.Errorf("label %d is %d: not one of its four", i, v)
		}
	}
}

func TestLoadFolderFit(t *testing.T) {
	files := map[string][]byte{"train/a.png": png(t, 9, 7, 3, 0), "train/b.png": png(t, 4, 5, 1, 0), "test/c.png": png(t, 20, 10, 1, 0)}
	for _, fit := range []Fit{FitResize, FitInside, FitCrop} {
		for _, channels := range []int{1, 3} {
			train, test, err := load(t, files, FolderOptions{H: 4, W: 3, Fit: fit, Channels: channels})
			if err != nil {
				t.Errorf("fit %s: %v", fit, err)
				continue
			}
			if want := (tensor.Shape{4, 3, channels}); !train.Images.Shape().Equal(want) || train.Images.Len() != 2 || !test.Images.Shape().Equal(want) {
				t.Errorf("fit %s: %v", fit, train.Images.Shape())
			}
			if fit == FitCrop && (train.Images.Bytes(1)[0] != 1 || test.Images.Bytes(0)[0] != 83) {
				t.Errorf("cropped pictures begin with %d and %d, want 1 and 83", train.Images.Bytes(1)[0], test.Images.Bytes(0)[0])
			}
		}
	}
	if train, _, err := load(t, files, FolderOptions{H: 4, W: 3, Fit: FitCrop}); err != nil || train.Images.C != 3 {
		t.Errorf("channels of the first picture: %v", err)
	}
}

func TestLoadFolderErrors(t *testing.T) {
	pair := func(names ...string) map[string][]byte { return pictureFiles(t, names...) }
	with := func(files map[string][]byte, name string, b []byte) map[string][]byte {
		files[name] = b
		return files
	}
	clear := imageio.New(6, 4, 4, 8)
	var transparent bytes.Buffer
	if err := imageio.Encode(&transparent, clear, imageio.PNG); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		o     FolderOptions
		want  []string
	}{
		"no pictures":      {map[string][]byte{"a.txt": nil}, FolderOptions{}, []string{"no pictures", ".png"}},
		"one picture":      {pair("a.png"), FolderOptions{}, []string{"at least 2"}},
		"no test":          {pair("train/a.png"), FolderOptions{}, []string{"a folder train but no folder test"}},
		"no label":         {pair("image/a.png", "image/b.png"), FolderOptions{}, []string{"image but no folder label"}},
		"no partner":       {pair("image/a.png", "image/b.png", "label/a.png"), FolderOptions{}, []string{filepath.Join("image", "b.png"), "no picture named b.*", "label"}},
		"spare partner":    {pair("input/a.png", "target/a.png", "target/b.png"), FolderOptions{}, []string{filepath.Join("target", "b.png"), "input"}},
		"same names":       {pair("input/a.bmp", "input/a.png", "target/a.png"), FolderOptions{}, []string{"a.png", "a.bmp"}},
		"same partners":    {pair("input/a.png", "target/a.bmp", "target/a.png"), FolderOptions{}, []string{"a.png", "a.bmp"}},
		"two layouts":      {pair("train/input/a.png", "train/target/a.png", "test/a.png"), FolderOptions{}, []string{"differently"}},
		"sizes differ":     {with(pair("a.png", "b.png", "c.png"), "d.png", png(t, 4, 7, 1, 0)), FolderOptions{}, []string{"want 4x6"}},
		"wrong size":       {pair("a.png", "b.png"), FolderOptions{H: 6, W: 4}, []string{"4x6, want 6x4"}},
		"too small":        {pair("a.png", "b.png"), FolderOptions{H: 5, W: 5, Fit: FitCrop}, []string{"too small to cut 5x5"}},
		"broken":           {with(pair("train/a.png", "test/b.png"), "train/c.png", png(t, 4, 6, 1, 0)[:50]), FolderOptions{}, []string{"c.png", "not a usable picture"}},
		"transparent":      {map[string][]byte{"a.png": transparent.Bytes(), "b.png": transparent.Bytes()}, FolderOptions{}, []string{"transparent"}},
		"memory":           {pair("a.png", "b.png", "c.png"), FolderOptions{MaxBytes: 47}, []string{"2 pictures of 4x6x1", "47"}},
		"one side":         {pair("a.png", "b.png"), FolderOptions{H: 5}, []string{"5x0"}},
		"fit to nothing":   {pair("a.png", "b.png"), FolderOptions{Fit: FitCrop}, []string{"height and width"}},
		"unknown fit":      {pair("a.png", "b.png"), FolderOptions{H: 2, W: 2, Fit: "stretch"}, []string{"stretch", "resize"}},
		"channels":         {pair("a.png", "b.png"), FolderOptions{Channels: 2}, []string{"2 channels"}},
		"fraction":         {pair("a.png", "b.png"), FolderOptions{TestFraction: 1}, []string{"test part of 1"}},
		"labels on ground": {pair("image/a.png", "image/b.png", "label/a.png", "label/b.png"), FolderOptions{H: 5, W: 5, Fit: FitInside}, []string{"labels cannot"}},
	} {
		_, _, err := load(t, c.files, c.o)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", name, err, want)
			}
		}
	}
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if _, _, err := LoadFolder(context.Background(), nowhere, FolderOptions{}); err == nil || !strings.Contains(err.Error(), nowhere) {
		t.Errorf("missing folder: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := LoadFolder(ctx, folder(t, pair("a.png", "b.png")), FolderOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// The error is that of the first bad file, whatever the number of goroutines.
func TestLoadFolderFirstError(t *testing.T) {
	files := map[string][]byte{"test/x.png": png(t, 4, 6, 1, 0)}
	for c := 'a'; c <= 'z'; c++ {
		files["train/"+string(c)+".png"] = png(t, 4, 6, 1, 0)
		if c >= 'k' {
			files["train/"+string(c)+".png"] = []byte("broken")
		}
	}
	for range 10 {
		_, _, err := load(t, files, FolderOptions{Workers: 4})
		if err == nil || !strings.Contains(err.Error(), "k.png") {
			t.Fatalf("error %v, want one about k.png", err)
		}
	}
}
