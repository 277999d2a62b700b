package bench

import (
	"context"
	"slices"
	"testing"
)

func TestMatching(t *testing.T) {
	for pattern, want := range map[string][]string{
		"":          Cases(),
		"gemm/*":    {"gemm/1024", "gemm/128x784x128"},
		"gemm/1024": {"gemm/1024"},
		"none":      {},
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

func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for a moment")
	}
	var got []Result
	if err := Run(context.Background(), []string{"gemm/128x784x128"}, 1, func(r Result) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Case != "gemm/128x784x128" || !(got[0].Least > 0 && got[0].Median >= got[0].Least && got[0].GFLOPS > 0) {
		t.Errorf("measured %+v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ctx, Cases(), 1, func(Result) {}); err == nil {
		t.Error("a cancelled run ends well")
	}
}
