//go:build !noasm

package kernels

// winogradSets has the transforms of each variant, for F(2x2,3x3) and F(4x4,3x3).
var winogradSets = [...][2][winogradOps]func(*winogradTile){
	generic: {},
	avx2: {
		{winogradInput2F32_avx2, winogradOutput2F32_avx2, winogradKernel2F32_avx2, winogradPixels2F32_avx2, winogradTaps2F32_avx2},
		{winogradInput4F32_avx2, winogradOutput4F32_avx2, winogradKernel4F32_avx2, winogradPixels4F32_avx2, winogradTaps4F32_avx2},
	},
	avx512: {
		{winogradInput2F32_avx512, winogradOutput2F32_avx512, winogradKernel2F32_avx512, winogradPixels2F32_avx512, winogradTaps2F32_avx512},
		{winogradInput4F32_avx512, winogradOutput4F32_avx512, winogradKernel4F32_avx512, winogradPixels4F32_avx512, winogradTaps4F32_avx512},
	},
}
