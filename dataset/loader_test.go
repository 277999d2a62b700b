package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-go/hourglass/tensor"
)

// row is one sample as a loader handed it out.
type row struct {
	index   int32
	in, out string
}

// epochRows reads an epoch to its end.
func epochRows(t testing.TB, l *Loader, epoch, start int) (rows []row, sizes []int) {
	t.Helper()
	e := l.Epoch(context.Background(), epoch, start)
	defer e.Stop()
	for number := start; ; number++ {
		b, err := e.Next()
		if errors.Is(err, io.EOF) {
			return rows, sizes
		}
		if err != nil {
			t.Fatal(err)
		}
		n := len(b.Index)
		if b.Number != number || b.Input.Shape[0] != n || b.Target.Shape[0] != n ||
			len(b.Input.Data) != b.Input.Shape.Elems() || len(b.Target.Data) != b.Target.Shape.Elems() {
			t.Fatalf("batch %d: number %d, %d indices, shapes %v and %v", number, b.Number, n, b.Input.Shape, b.Target.Shape)
		}
		sizes = append(sizes, n)
		for i, index := range b.Index {
			rows = append(rows, row{index, fmt.Sprint(b.Input.Sample(i).Data), fmt.Sprint(b.Target.Sample(i).Data)})
		}
	}
}

func TestLoaderOrder(t *testing.T) {
	set := Same(ramp(11, 1))
	l, err := NewLoader(set, 4, LoaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows, sizes := epochRows(t, l, 0, 0)
	if !slices.Equal(sizes, []int{4, 4, 3}) || l.Batches() != 3 || l.Len() != 11 {
		t.Errorf("batches of %v", sizes)
	}
	for i, r := range rows {
		in, _ := filled(t, set, 0, i)
		if int(r.index) != i || r.in != fmt.Sprint(in) || r.out != r.in {
			t.Fatalf("row %d is sample %d", i, r.index)
		}
	}
	l, err = NewLoader(set, 4, LoaderOptions{DropLast: true, Shuffle: true, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	a, sizes := epochRows(t, l, 0, 0)
	if !slices.Equal(sizes, []int{4, 4}) || l.Len() != 8 {
		t.Errorf("batches of %v without the last", sizes)
	}
	b, _ := epochRows(t, l, 1, 0)
	if slices.Equal(a, b) {
		t.Error("two epochs have the same order")
	}
}

// What is handed out must depend on seed and epoch alone: not on the goroutines, the
// buffers, earlier epochs, or where the epoch was begun.
func TestLoaderIsDeterministic(t *testing.T) {
	set := Restoration(ramp(101, 2), 3, false, GaussianNoise{Min: 0.1, Max: 0.4})
	var want []row
	for _, o := range []LoaderOptions{{}, {Workers: 2}, {Workers: 5, Ahead: 1}, {Workers: 3, Ahead: 9}, {Ahead: 1}} {
		o.Seed, o.Shuffle = 9, true
		l, err := NewLoader(set, 7, o)
		if err != nil {
			t.Fatal(err)
		}
		epochRows(t, l, 1, 0)
		got, _ := epochRows(t, l, 4, 0)
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: the epoch differs", o)
		}
		for _, start := range []int{1, 8, 14, 15} {
			rest, _ := epochRows(t, l, 4, start)
			if !slices.Equal(rest, want[min(7*start, 101):]) {
				t.Errorf("%+v: begun at batch %d the epoch differs", o, start)
			}
		}
	}
	seen := map[int32]bool{}
	for _, r := range want {
		seen[r.index] = true
	}
	if len(want) != 101 || len(seen) != 101 {
		t.Errorf("%d rows of %d samples, want 101 of 101", len(want), len(seen))
	}
}

func TestLoaderErrors(t *testing.T) {
	unknown, err := Slices(tensor.New(3, 2), tensor.New(3, 2))
	if err != nil {
		t.Fatal(err)
	}
	unknown.(memory).in.Shape[1] = tensor.Any
	for name, c := range map[string]struct {
		set   Set
		batch int
		o     LoaderOptions
	}{
		"no samples": {Same(&Images{H: 3, W: 5, C: 1}), 4, LoaderOptions{}},
		"batch 0":    {Same(ramp(3, 1)), 0, LoaderOptions{}},
		"not full":   {Same(ramp(3, 1)), 4, LoaderOptions{DropLast: true}},
		"workers":    {Same(ramp(3, 1)), 4, LoaderOptions{Workers: -1}},
		"shape":      {unknown, 1, LoaderOptions{}},
	} {
		if _, err := NewLoader(c.set, c.batch, c.o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	l, err := NewLoader(Same(ramp(3, 1)), 2, LoaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, start := range []int{-1, 3} {
		if _, err := l.Epoch(context.Background(), 0, start).Next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("start %d: error %v", start, err)
		}
	}
}

// broken fails at one sample.
type broken struct {
	Set
	at int
}

var errBroken = errors.New("unreadable")

func (b broken) Fill(epoch, index int, in, out []float32) error {
	if index == b.at {
		return errBroken
	}
	return b.Set.Fill(epoch, index, in, out)
}

func (b broken) Name(index int) string { return fmt.Sprintf("file-%d.png", index) }

func TestLoaderReportsSample(t *testing.T) {
	for _, workers := range []int{1, 3} {
		before := runtime.NumGoroutine()
		l, err := NewLoader(broken{Restoration(ramp(40, 1), 0, false), 17}, 4, LoaderOptions{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		e := l.Epoch(context.Background(), 0, 0)
		for number := range 5 {
			_, err = e.Next()
			if number < 4 && err != nil {
				t.Fatalf("batch %d: %v", number, err)
			}
		}
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "file-17.png") {
			t.Errorf("error %v, want the one of file-17.png", err)
		}
		if _, again := e.Next(); !errors.Is(again, errBroken) {
			t.Errorf("afterwards %v, want the same error", again)
		}
		noGoroutine(t, before)
	}
}

// noGoroutine waits until no more goroutines run than before.
func noGoroutine(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines run, %d did before", runtime.NumGoroutine(), before)
}

func TestLoaderStops(t *testing.T) {
	before := runtime.NumGoroutine()
	l, err := NewLoader(Restoration(ramp(50, 1), 0, false), 2, LoaderOptions{Workers: 3, Shuffle: true})
	if err != nil {
		t.Fatal(err)
	}
	for taken := range 6 {
		e := l.Epoch(context.Background(), taken, 0)
		for range taken {
			if _, err := e.Next(); err != nil {
				t.Fatal(err)
			}
		}
		e.Stop()
		e.Stop()
		if _, err := e.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after Stop: %v", err)
		}
	}
	noGoroutine(t, before)

	ctx, cancel := context.WithCancel(context.Background())
	e := l.Epoch(ctx, 0, 0)
	if _, err := e.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := e.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
	noGoroutine(t, before)
}

// blocking fills nothing until it is released.
type blocking struct {
	Set
	release chan struct{}
}

func (b blocking) Fill(int, int, []float32, []float32) error { <-b.release; return nil }

func TestLoaderCancelsWhileWaiting(t *testing.T) {
	set := blocking{Same(ramp(4, 1)), make(chan struct{})}
	l, err := NewLoader(set, 2, LoaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := l.Epoch(ctx, 0, 0)
	time.AfterFunc(10*time.Millisecond, func() { cancel(); close(set.release) })
	if _, err := e.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Two epochs of one loader may run side by side.
func TestLoaderSideBySide(t *testing.T) {
	l, err := NewLoader(Same(ramp(20, 1)), 3, LoaderOptions{Shuffle: true})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := epochRows(t, l, 2, 0)
	other := l.Epoch(context.Background(), 1, 0)
	defer other.Stop()
	if _, err := other.Next(); err != nil {
		t.Fatal(err)
	}
	if got, _ := epochRows(t, l, 2, 0); !slices.Equal(got, want) {
		t.Error("an epoch beside another differs")
	}
}

// A batch must cost no memory: the difference over many batches, with the filling
// goroutine running, is that of the epoch's start alone.
func TestLoaderAllocatesNothing(t *testing.T) {
	l, err := NewLoader(Restoration(ramp(4000, 1), 1, false, GaussianNoise{Min: 0.1, Max: 0.2}), 8, LoaderOptions{Shuffle: true})
	if err != nil {
		t.Fatal(err)
	}
	epochRows(t, l, 0, 495)
	e := l.Epoch(context.Background(), 1, 0)
	defer e.Stop()
	take := func(n int) {
		for range n {
			if _, err := e.Next(); err != nil {
				t.Fatal(err)
			}
		}
	}
	take(50)
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	take(400)
	runtime.ReadMemStats(&b)
	if n := b.Mallocs - a.Mallocs; n > 20 { // the runtime's own
		t.Errorf("%d allocations in 400 batches", n)
	}
	if want := l.Bytes(); want < 3*8*30*4 || want > 1<<20 {
		t.Errorf("Bytes says %d", want)
	}
}

// The epoch of the denoising recipe: 60,000 digits, noise drawn for each.
func BenchmarkEpoch(b *testing.B) {
	m := &Images{H: 28, W: 28, C: 1, Pix: make([]byte, 60000*784)}
	for i := range m.Pix {
		if i%7 < 2 {
			m.Pix[i] = byte(i)
		}
	}
	for name, set := range map[string]Set{
		"same":     Same(m),
		"clean":    Restoration(m, 1, false),
		"gaussian": Restoration(m, 1, false, GaussianNoise{Min: 0.3, Max: 0.6}),
		"salt":     Restoration(m, 1, false, SaltPepper{P: 0.1}),
		"erase":    Restoration(m, 1, false, Erase{Min: 0.2, Max: 0.4}),
		"poisson":  Restoration(m, 1, false, Poisson{Peak: 20}),
	} {
		b.Run("set="+name, func(b *testing.B) {
			l, err := NewLoader(set, 128, LoaderOptions{Shuffle: true})
			if err != nil {
				b.Fatal(err)
			}
			epoch := 0
			for b.Loop() {
				e := l.Epoch(context.Background(), epoch, 0)
				for {
					if _, err := e.Next(); err != nil {
						break
					}
				}
				epoch++
			}
		})
	}
}
