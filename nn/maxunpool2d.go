package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/tensor"
)

// MaxUnpool2D puts values back to where [MaxPool2D] took its maxima from, and zeros
// elsewhere (Zeiler et al. 2010, SegNet: Badrinarayanan et al. 2017). Kernel, Stride, Dilation,
// Padding and Ceil are those of the pooling. Inputs: values v [H', W', C], the mask of the
// pooling, of the same shape, and, where there is a third, the size [H, W, ...] to go back to;
// output: [H, W, C], where H and W come from the third input, from Size, or else are
// (H'-1)*s + extent - padding, or H'*s where the padding is same. Since pooling rounds
// down, several sizes lead to H'; one that does not is refused.
//
//	y[p*s-t+i*d, q*s'-l+j*d', c] = v[p,q,c], with i*KW + j = mask[p,q,c]
//
// Where windows overlap, several values may claim a pixel: it takes the last in row-major
// order. Gradient: dv[p,q,c] is dy at its pixel where the pixel took that value, else 0;
// none for the other inputs. A mask that points outside the picture is ignored.
type MaxUnpool2D struct {
	Kernel   [2]int  // height and width, at least 1
	Stride   [2]int  // Kernel where it is not set
	Dilation [2]int  // {1, 1} where it is not set
	Padding  Padding // Valid where it is not set
	Ceil     bool    // as in the pooling
	Size     [2]int  // height and width of the output; see above where it is not set
}

func init() { Register("max_unpool_2d", 1, MaxUnpool2D{}) }

func (l MaxUnpool2D) withDefaults() Layer {
	l.Stride = orPair(l.Stride, l.Kernel)
	l.Dilation = orPair(l.Dilation, [2]int{1, 1})
	return l
}

func (l MaxUnpool2D) sliding() *sliding {
	return MaxPool2D{Kernel: l.Kernel, Stride: l.Stride, Dilation: l.Dilation, Padding: l.Padding, Ceil: l.Ceil}.sliding()
}

// Infer finds the size before the pooling.
func (l MaxUnpool2D) Infer(in []Shape) (Signature, error) {
	if len(in) != 2 && len(in) != 3 {
		return Signature{}, fmt.Errorf("takes values, a mask and perhaps something of the size to go back to, got %d inputs", len(in))
	}
	if err := wantPicture(in[:2], 2); err != nil {
		return Signature{}, err
	}
	if err := wantSameShapes(in[:2], 2); err != nil {
		return Signature{}, err
	}
	var like Shape
	if len(in) == 3 {
		like = in[2]
	}
	out, err := l.sliding().unpooled(in[0], like, l.Size)
	if err != nil {
		return Signature{}, err
	}
	return Signature{Outputs: []Shape{out}}, nil
}

// Compile returns the arithmetic.
func (l MaxUnpool2D) Compile(batch int, in []Shape) Routine {
	sig, _ := l.Infer(in)
	s := l.sliding().poolShape(batch, sig.Outputs[0])
	return Routine{
		New32:  func() Op[float32] { return &maxUnpoolOp[float32]{kernels.NewMaxPool[float32](s)} },
		New64:  func() Op[float64] { return &maxUnpoolOp[float64]{kernels.NewMaxPool[float64](s)} },
		KeepIn: true,
	}
}

type maxUnpoolOp[T tensor.Float] struct{ pool *kernels.MaxPool[T] }

func (o *maxUnpoolOp[T]) Forward(c *Call[T]) { o.pool.Unpool(c.Team, c.Out[0], c.In[0], c.In[1]) }

func (o *maxUnpoolOp[T]) Backward(c *Call[T]) {
	if c.DIn[0] != nil {
		o.pool.UnpoolGrad(c.Team, c.DIn[0], c.DOut[0], c.In[1])
	}
	for _, d := range c.DIn[1:] {
		clear(d)
	}
}
