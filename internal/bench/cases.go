package bench

import (
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/internal/kernels"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/nn"
)

// PeakCase is the peak of the multiply-add units by itself.
const PeakCase = "fma-peak"

// cases is in the order in which they are measured and listed.
var cases = slices.Concat(
	[]measured{
		{PeakCase, peak},
		{"gemm/1024", gemm(1024, 1024, 1024)},
		{"gemm/128x784x128", gemm(128, 128, 784)},
	},
	convolutions(),
	networks(),
	[]measured{{"mnist-autoencoder/epoch", epoch}},
)

// convolutions are single layers, biased, same, without activation.
func convolutions() []measured {
	k := func(n int) [2]int { return [2]int{n, n} }
	conv := nn.Conv2D{Kernel: k(3), Padding: nn.Same}
	with := func(change func(*nn.Conv2D)) nn.Conv2D {
		c := conv
		change(&c)
		return c
	}
	up := func(kernel int) nn.Conv2DTranspose {
		return nn.Conv2DTranspose{Kernel: k(kernel), Stride: k(2), Padding: nn.Same}
	}
	var all []measured
	// Sizes are height, width, channels in and out.
	add := func(name string, l nn.Layer, sizes ...[4]int) {
		for _, s := range sizes {
			full := fmt.Sprintf("conv/%s/%dx%dx%d", name, s[0], s[1], s[2])
			if s[3] != s[2] {
				full += fmt.Sprintf("-%d", s[3])
			}
			all = append(all, measured{full, single(withFilters(l, s[3]), nn.Shape{s[0], s[1], s[2]})})
		}
	}
	add("3x3", conv,
		[4]int{256, 256, 32, 32}, [4]int{64, 64, 32, 32}, [4]int{256, 256, 64, 32}, [4]int{512, 512, 64, 64},
		[4]int{128, 128, 64, 64}, [4]int{32, 32, 64, 64}, [4]int{64, 64, 128, 128}, [4]int{32, 32, 256, 256},
		[4]int{16, 16, 256, 256}, [4]int{32, 32, 512, 512}, [4]int{16, 16, 512, 512},
		[4]int{256, 256, 3, 32}, [4]int{256, 256, 3, 64}, [4]int{512, 512, 1, 64}, [4]int{512, 512, 64, 1})
	add("1x1", with(func(c *nn.Conv2D) { c.Kernel = k(1) }),
		[4]int{256, 256, 32, 32}, [4]int{128, 128, 64, 64}, [4]int{64, 64, 128, 128}, [4]int{32, 32, 256, 256},
		[4]int{16, 16, 512, 512}, [4]int{256, 256, 32, 1}, [4]int{12, 16, 4096, 4096})
	add("7x7", with(func(c *nn.Conv2D) { c.Kernel = k(7) }), [4]int{256, 256, 3, 64}, [4]int{12, 16, 512, 4096})
	add("3x3-s2", with(func(c *nn.Conv2D) { c.Stride = k(2) }),
		[4]int{256, 256, 32, 32}, [4]int{128, 128, 64, 64}, [4]int{64, 64, 128, 128}, [4]int{32, 32, 256, 256})
	add("3x3-d2", with(func(c *nn.Conv2D) { c.Dilation = k(2) }),
		[4]int{256, 256, 32, 32}, [4]int{128, 128, 64, 64}, [4]int{64, 64, 128, 128}, [4]int{32, 32, 256, 256})
	add("4x4-s2-transposed", up(4),
		[4]int{128, 128, 32, 32}, [4]int{64, 64, 64, 64}, [4]int{32, 32, 128, 128}, [4]int{16, 16, 256, 256}, [4]int{24, 32, 21, 21})
	add("2x2-s2-transposed", up(2), [4]int{128, 128, 64, 32}, [4]int{64, 64, 128, 64}, [4]int{16, 16, 512, 256})
	add("3x3-depthwise", nn.DepthwiseConv2D{Kernel: k(3), Padding: nn.Same},
		[4]int{128, 128, 64, 64}, [4]int{32, 32, 256, 256})
	return all
}

// withFilters is the convolution with that many output channels.
func withFilters(l nn.Layer, filters int) nn.Layer {
	switch l := l.(type) {
	case nn.Conv2D:
		l.Filters = filters
		return l
	case nn.Conv2DTranspose:
		l.Filters = filters
		return l
	}
	return l // depthwise: as many as there are
}

// networks are whole ones, as package models builds them by default, with random weights.
// Sizes are those of the pictures, NxHxW; a batch of one and a second side that is like the
// first are left out.
func networks() []measured {
	unet, normalised := network{architecture: models.UNet{}}, network{architecture: models.UNet{Norm: models.BatchNorm}}
	var all []measured
	for _, side := range []int{64, 128, 256, 512, 1024, 2048} {
		all = append(all, measured{fmt.Sprintf("unet/infer/%d", side), unet.infer(1, side, side)})
	}
	all = append(all, measured{"unet/infer/333x517", unet.infer(1, 333, 517)})
	batches := []int{2, 4, 8, 16, 32} // and 1, to see whether time grows in proportion
	for _, n := range batches {
		all = append(all, measured{fmt.Sprintf("unet/infer/%dx128", n), unet.infer(n, 128, 128)})
	}
	for _, n := range append([]int{1}, batches...) {
		all = append(all, measured{fmt.Sprintf("unet/train/%dx128", n), unet.train(n, 128, 128)})
	}
	if kernels.HasBFloat16() {
		half := network{architecture: models.UNet{}, precision: nn.BFloat16}
		all = append(all, measured{"unet-bfloat16/infer/256", half.infer(1, 256, 256)})
	}
	return append(all,
		measured{"unet/train/1x256", unet.train(1, 256, 256)},
		measured{"unet-bn/infer/256", normalised.infer(1, 256, 256)},
		measured{"unet-bn/train/8x128", normalised.train(8, 128, 128)},
		measured{"dncnn/infer/512", network{architecture: models.DnCNN{}}.infer(1, 512, 512)},
		measured{"fcn-8s/infer/384x512", network{architecture: models.FCN{}}.infer(1, 384, 512)},
	)
}
