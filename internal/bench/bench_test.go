package bench

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
)

func TestMatching(t *testing.T) {
	for pattern, want := range map[string][]string{
		"":          Cases(),
		"gemm/*":    {"gemm/1024", "gemm/128x784x128"},
		"gemm/1024": {"gemm/1024"},
		"none":      {},
		"*/train": {"unet/train/1x128", "unet/train/2x128", "unet/train/4x128", "unet/train/8x128", "unet/train/16x128", "unet/train/32x128", "unet/train/1x256",
			"unet-recompute/train/8x128", "unet-recompute/train/1x256", "unet-bn/train/8x128", "unet-bn-recompute/train/8x128"},
	} {
		got, err := Matching(pattern)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q selects %v, %v; want %v", pattern, got, err, want)
		}
	}
	if _, err := Matching("["); err == nil {
		t.Error("a broken pattern is accepted")
	}
}

// TestCases: no two cases have one name.
func TestCases(t *testing.T) {
	names := Cases()
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
		t.Errorf("a name is used twice: %v", names)
	}
}

func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a moment")
	}
	var got []Result
	report := func(r Result) error {
		got = append(got, r)
		return nil
	}
	names := []string{"gemm/128x784x128", "conv/3x3/32x32x64/winograd4", "conv/4x4-s2-transposed/24x32x21"}
	if err := Run(t.Context(), names, Options{Workers: 1, Layers: true}, report); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(names) {
		t.Fatalf("measured %+v", got)
	}
	for i, r := range got {
		if r.Case != names[i] || !(r.Least > 0 && r.Median >= r.Least && r.GFLOPS > 0) || len(r.Layers) > 0 {
			t.Errorf("measured %+v", r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, Cases(), Options{Workers: 1}, report); err == nil {
		t.Error("a cancelled run ends well")
	}
}

// TestGeometry counts by hand what a convolution is.
func TestGeometry(t *testing.T) {
	for _, c := range []struct {
		g     geometry
		size  [4]int
		flops int64
	}{
		{geometry{kernel: 3}, [4]int{5, 7, 2, 3}, 2 * 35 * 9 * 2 * 3},
		{geometry{kernel: 3, stride: 2}, [4]int{6, 8, 2, 3}, 2 * 12 * 9 * 2 * 3},
		{geometry{kernel: 4, stride: 2, transposed: true}, [4]int{5, 7, 2, 3}, 2 * 35 * 16 * 2 * 3},
		{geometry{kernel: 3, depthwise: true}, [4]int{5, 7, 4, 4}, 2 * 35 * 9 * 4},
	} {
		s, err := c.g.shape(c.size, kernels.ConvAuto)
		if err != nil || s.FLOPs() != c.flops {
			t.Errorf("%+v over %v: %d operations, %v, want %d", c.g, c.size, s.FLOPs(), err, c.flops)
		}
	}
}

// TestProfile takes small networks apart.
func TestProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a moment")
	}
	small := models.UNet{Width: 4, Depth: 2}
	m, err := small.Build()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Model(t.Context(), "small", m, nn.Shape{32, 16, 3}, 2)
	if err != nil {
		t.Fatal(err)
	}
	forward, backward := Totals(r.Layers)
	if r.Case != "small" || !(forward.Milliseconds > 0 && forward.GFLOPS > 0) || backward != nil {
		t.Errorf("%+v, in all %v, %v", r, forward, backward)
	}
	w, err := network{architecture: small}.train(2, 32, 16)(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer w.end()
	r = Result{Median: 100}
	if err := r.profile(w); err != nil {
		t.Fatal(err)
	}
	forward, backward = Totals(r.Layers)
	// The first layer has no gradient by the picture, and the biases' is not counted.
	if !(forward.Milliseconds > 0 && backward.Milliseconds > 0) || r.Layers[0].Name != "down1_conv1" {
		t.Errorf("%+v, in all %v, %v", r, forward, backward)
	}
	if first := r.Layers[0]; math.Abs(first.Forward.GFLOPS*first.Forward.Milliseconds-first.Backward.GFLOPS*first.Backward.Milliseconds) > 1e-9 {
		t.Errorf("the first layer counts for %+v forward, %+v backward", first.Forward, first.Backward)
	}
}

func TestPlus(t *testing.T) {
	got := Pass{Milliseconds: 1, GFLOPS: 100, Share: .5}.plus(Pass{Milliseconds: 3, GFLOPS: 20, Share: .1})
	if want := (Pass{Milliseconds: 4, GFLOPS: 40, Share: .2}); math.Abs(got.GFLOPS-want.GFLOPS) > 1e-12 ||
		math.Abs(got.Share-want.Share) > 1e-12 || got.Milliseconds != want.Milliseconds {
		t.Errorf("%+v, want %+v", got, want)
	}
}
