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

// networks are whole ones, as package models builds them by default, with random weights.
// Sizes are those of the pictures, NxHxW; a batch of one and a second side that is like the
// first are left out.
func networks() []measured {
	unet, normalised := network{architecture: models.UNet{}}, network{architecture: models.UNet{Norm: models.BatchNorm}}
	again, normalisedAgain := unet, normalised
	again.recompute, normalisedAgain.recompute = true, true
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
		measured{"unet-recompute/train/8x128", again.train(8, 128, 128)},
		measured{"unet-recompute/train/1x256", again.train(1, 256, 256)},
		measured{"unet-bn/infer/256", normalised.infer(1, 256, 256)},
		measured{"unet-bn/train/8x128", normalised.train(8, 128, 128)},
		measured{"unet-bn-recompute/train/8x128", normalisedAgain.train(8, 128, 128)},
		measured{"dncnn/infer/512", network{architecture: models.DnCNN{}}.infer(1, 512, 512)},
		measured{"fcn-8s/infer/384x512", network{architecture: models.FCN{}}.infer(1, 384, 512)},
	)
}
