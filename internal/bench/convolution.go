package bench

import (
	"context"
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/internal/parallel"
)

// geometry is that of a same convolution; 0 stands for a stride or a dilation of 1.
type geometry struct {
	kernel, stride, dilation int
	transposed, depthwise    bool
}

// algorithms are what convolutions may be pinned to, by the last part of a case's name.
var algorithms = []struct {
	name string
	kernels.ConvAlgorithm
}{{"direct", kernels.ConvDirect}, {"winograd2", kernels.ConvWinograd2}, {"winograd4", kernels.ConvWinograd4}}

// convolutions are single layers, biased, same, without activation, forward, with the form
// of their kernel made already. By default the algorithm is the one that the shape chooses.
func convolutions() []measured {
	var all []measured
	// Sizes are height, width, channels in and out.
	add := func(name string, g geometry, pinned bool, sizes ...[4]int) {
		for _, s := range sizes {
			full := fmt.Sprintf("conv/%s/%dx%dx%d", name, s[0], s[1], s[2])
			if s[3] != s[2] {
				full += fmt.Sprintf("-%d", s[3])
			}
			all = append(all, measured{full, convolution(g, s, kernels.ConvAuto)})
			for _, a := range algorithms {
				if pinned {
					all = append(all, measured{full + "/" + a.name, convolution(g, s, a.ConvAlgorithm)})
				}
			}
		}
	}
	add("3x3", geometry{kernel: 3}, true,
		[4]int{256, 256, 32, 32}, [4]int{64, 64, 32, 32}, [4]int{256, 256, 64, 32}, [4]int{512, 512, 64, 64},
		[4]int{128, 128, 64, 64}, [4]int{32, 32, 64, 64}, [4]int{64, 64, 128, 128}, [4]int{32, 32, 256, 256},
		[4]int{16, 16, 256, 256}, [4]int{32, 32, 512, 512}, [4]int{16, 16, 512, 512})
	add("3x3", geometry{kernel: 3}, false, // few channels
		[4]int{256, 256, 3, 32}, [4]int{256, 256, 3, 64}, [4]int{512, 512, 1, 64}, [4]int{512, 512, 64, 1})
	add("1x1", geometry{kernel: 1}, false,
		[4]int{256, 256, 32, 32}, [4]int{128, 128, 64, 64}, [4]int{64, 64, 128, 128}, [4]int{32, 32, 256, 256},
		[4]int{16, 16, 512, 512}, [4]int{256, 256, 32, 1}, [4]int{12, 16, 4096, 4096})
	add("7x7", geometry{kernel: 7}, false, [4]int{256, 256, 3, 64}, [4]int{12, 16, 512, 4096})
	middle := [][4]int{{256, 256, 32, 32}, {128, 128, 64, 64}, {64, 64, 128, 128}, {32, 32, 256, 256}}
	add("3x3-s2", geometry{kernel: 3, stride: 2}, false, middle...)
	add("3x3-d2", geometry{kernel: 3, dilation: 2}, false, middle...)
	add("4x4-s2-transposed", geometry{kernel: 4, stride: 2, transposed: true}, false,
		[4]int{128, 128, 32, 32}, [4]int{64, 64, 64, 64}, [4]int{32, 32, 128, 128}, [4]int{16, 16, 256, 256}, [4]int{24, 32, 21, 21})
	add("2x2-s2-transposed", geometry{kernel: 2, stride: 2, transposed: true}, false,
		[4]int{128, 128, 64, 32}, [4]int{64, 64, 128, 64}, [4]int{16, 16, 512, 256})
	add("3x3-depthwise", geometry{kernel: 3, depthwise: true}, false, [4]int{128, 128, 64, 64}, [4]int{32, 32, 256, 256})
	return all
}

// shape is the geometry over a picture of height, width, channels in and out.
func (g geometry) shape(size [4]int, a kernels.ConvAlgorithm) (s kernels.ConvShape, err error) {
	s = kernels.ConvShape{Batch: 1, In: size[2], Out: size[3], Groups: 1, Transposed: g.transposed, Algorithm: a}
	if g.depthwise {
		s.Groups = size[2]
	}
	slide := kernels.Slide{Kernel: g.kernel, Stride: max(g.stride, 1), Dilation: max(g.dilation, 1), Rule: kernels.PadSame}
	over := slide.Over
	if g.transposed {
		s.In, s.Out, over = s.Out, s.In, slide.Back
	}
	if s.H, err = over(size[0]); err == nil {
		s.W, err = over(size[1])
	}
	return s, err
}

// convolution is the forward pass by an algorithm.
func convolution(g geometry, size [4]int, a kernels.ConvAlgorithm) func(context.Context, int) (*work, error) {
	return func(_ context.Context, workers int) (*work, error) {
		s, err := g.shape(size, a)
		if err != nil {
			return nil, err
		}
		team := parallel.Start(workers)
		in, out := s.H.In*s.W.In*s.In, s.H.Out*s.W.Out*s.Out
		if g.transposed {
			in, out = out, in
		}
		x, w, bias := noise(1, in).Data, noise(2, s.Weights()).Data, noise(3, size[3]).Data
		y, sizes := make([]float32, out), s.Sizes()
		form, scratch := make([]float32, sizes.Form), make([]float32, max(sizes.Forward, sizes.Fresh))
		conv := kernels.NewConv[float32](s)
		if sizes.Form > 0 {
			conv.PrepareForward(team, form, w)
		} else {
			form = nil
		}
		once := func() error {
			conv.Forward(team, y, [][]float32{x}, w, form, bias, scratch)
			return nil
		}
		return &work{flops: float64(s.FLOPs()), time: wall(once), end: team.Close}, nil
	}
}
