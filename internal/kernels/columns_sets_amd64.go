//go:build !noasm

package kernels

// columnSets has the passes of each variant.
var columnSets = [...]*columnPasses{
	generic: nil,
	avx2: {
		moments:   columnMomentsF32_avx2,
		normalise: columnNormaliseF32_avx2,
		normSums:  columnNormSumsF32_avx2,
		normGrad:  columnNormGradF32_avx2,

		maxPool2:     maxPool2F32_avx2,
		maxPool2Mask: maxPool2MaskF32_avx2,
		maxPool2Grad: maxPool2GradF32_avx2,
	},
	avx512: {
		moments:   columnMomentsF32_avx512,
		normalise: columnNormaliseF32_avx512,
		normSums:  columnNormSumsF32_avx512,
		normGrad:  columnNormGradF32_avx512,

		maxPool2:     maxPool2F32_avx512,
		maxPool2Mask: maxPool2MaskF32_avx512,
		maxPool2Grad: maxPool2GradF32_avx512,
	},
}
