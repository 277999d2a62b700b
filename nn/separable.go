package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// Margins are widths at the four sides of a picture, in pixels.
type Margins struct{ Top, Bottom, Left, Right int }

func (m Margins) check() error {
	if least, most := min(m.Top, m.Bottom, m.Left, m.Right), max(m.Top, m.Bottom, m.Left, m.Right); least < 0 || most > maxSide {
		return fmt.Errorf("the margins are top %d, bottom %d, left %d, right %d: want 0 to %d", m.Top, m.Bottom, m.Left, m.Right, maxSide)
	}
	return nil
}

// maxSide bounds the height and the width that a layer may ask for: a model file is not to
// be trusted with the memory.
const maxSide = 1 << 24

// checkSides fails unless both numbers, of height and width, are 1 to maxSide.
func checkSides(field string, n [2]int) error {
	if min(n[0], n[1]) < 1 || max(n[0], n[1]) > maxSide {
		return fmt.Errorf("%s is %v, want 1 to %d", field, n, maxSide)
	}
	return nil
}

// Border says what lies beyond the borders of a picture.
type Border string

// The borders, with what stands beside the pixels a b c d of a row. Those that mirror or
// wrap go on doing so where more is needed than there is.
const (
	BorderZero      Border = "zero"      // 0 0 0 | a b c d | 0 0 0
	BorderEdge      Border = "edge"      // a a a | a b c d | d d d
	BorderReflect   Border = "reflect"   // d c b | a b c d | c b a; edge where there is one pixel
	BorderSymmetric Border = "symmetric" // c b a | a b c d | d c b
	BorderWrap      Border = "wrap"      // b c d | a b c d | a b c
	// BorderExclude, of a resampling only, is nothing: the weights of the pixels inside
	// are divided by their sum.
	BorderExclude Border = "exclude"
)

var borders = map[Border]kernels.Border{
	BorderZero: kernels.BorderZero, BorderEdge: kernels.BorderEdge, BorderReflect: kernels.BorderReflect,
	BorderSymmetric: kernels.BorderSymmetric, BorderWrap: kernels.BorderWrap, BorderExclude: kernels.BorderExclude,
}

// oneOf fails unless value is one of those allowed.
func oneOf[E ~string](field string, value E, allowed ...E) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s is %q, want one of %q", field, string(value), allowed)
}

// orDefault is v, or d where v is not set.
func orDefault[E ~string](v, d E) E {
	if v == "" {
		return d
	}
	return v
}

// wantPicture fails unless a layer's inputs are n pictures [H, W, C].
func wantPicture(in []Shape, n int) error {
	if err := wantInputs(in, n); err != nil {
		return err
	}
	for _, s := range in {
		if len(s) != 3 {
			return fmt.Errorf("takes pictures [H W C], got %v", s)
		}
	}
	return nil
}

// wantPictureAndSize fails unless the inputs are a picture and a value with a size.
func wantPictureAndSize(in []Shape) error {
	if err := wantInputs(in, 2); err != nil {
		return err
	}
	if len(in[1]) < 2 {
		return fmt.Errorf("takes the size of a picture [H W C], got %v", in[1])
	}
	return wantPicture(in[:1], 1)
}

// separable is the routine of a layer that applies a linear map along the rows and one
// along the columns of its first input; where these have no tap the output is fill. The
// gradient is the transposed map. Other inputs give their size alone and get no gradient.
func separable(batch int, in Shape, rows, cols *kernels.Axis, fill float64) Routine {
	o := separableMaps{batch, in[2], rows, cols, rows.Transpose(), cols.Transpose(), fill}
	return Routine{
		rows:  axisRows{rows, func(rows *kernels.Axis) Routine { return separable(1, in, rows, cols, fill) }},
		New32: func() Op[float32] { return newSeparableOp[float32](o) },
		New64: func() Op[float64] { return newSeparableOp[float64](o) },
		Scratch: max(kernels.SeparableScratch(batch, rows.Out, cols.In*o.channels),
			kernels.SeparableScratch(batch, rows.In, cols.Out*o.channels)),
		FLOPs: 2 * int64(batch*o.channels) * int64(rows.Taps()*cols.In+rows.Out*cols.Taps()),
	}
}

// separableOrView is separable, but a map that changes nothing costs nothing.
func separableOrView(batch int, in Shape, rows, cols *kernels.Axis, fill float64) Routine {
	if rows.Identity() && cols.Identity() {
		return Routine{View: true}
	}
	return separable(batch, in, rows, cols, fill)
}

type separableMaps struct {
	batch, channels          int
	rows, cols, rowsT, colsT *kernels.Axis
	fill                     float64
}

type separableOp[T tensor.Float] struct {
	forward, backward *kernels.Separable[T, T]
}

func newSeparableOp[T tensor.Float](m separableMaps) *separableOp[T] {
	return &separableOp[T]{
		forward:  kernels.NewSeparable[T, T](m.batch, m.rows, m.cols, m.channels, m.fill),
		backward: kernels.NewSeparable[T, T](m.batch, m.rowsT, m.colsT, m.channels, 0),
	}
}

func (o *separableOp[T]) Forward(c *Call[T]) { o.forward.Run(c.Team, c.Out[0], c.In[0], c.Scratch) }

func (o *separableOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.backward.Run(c.Team, c.DIn[0], c.DOut[0], c.Scratch)
	}
	for _, d := range c.DIn[1:] {
		clear(d)
	}
}
