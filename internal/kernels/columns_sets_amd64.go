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
	},
	avx512: {
		moments:   columnMomentsF32_avx512,
		normalise: columnNormaliseF32_avx512,
		normSums:  columnNormSumsF32_avx512,
		normGrad:  columnNormGradF32_avx512,
	},
}
