//go:build !noasm

package kernels

// gemmTile computes a tile of rows rows. It calls the assembly directly, rather than
// through a table of functions, so that t need not escape.
func (i isa) gemmTile(rows int, t *tile) {
	if i == avx2 {
		gemmTileAVX2(rows, t)
	} else {
		gemmTileAVX512(rows, t)
	}
}

func gemmTileAVX2(rows int, t *tile) {
	switch rows {
	case 1:
		gemmF32_1x16_avx2(t)
	case 2:
		gemmF32_2x16_avx2(t)
	case 3:
		gemmF32_3x16_avx2(t)
	case 4:
		gemmF32_4x16_avx2(t)
	case 5:
		gemmF32_5x16_avx2(t)
	case 6:
		gemmF32_6x16_avx2(t)
	}
}

func gemmTileAVX512(rows int, t *tile) {
	switch rows {
	case 1:
		gemmF32_1x32_avx512(t)
	case 2:
		gemmF32_2x32_avx512(t)
	case 3:
		gemmF32_3x32_avx512(t)
	case 4:
		gemmF32_4x32_avx512(t)
	case 5:
		gemmF32_5x32_avx512(t)
	case 6:
		gemmF32_6x32_avx512(t)
	case 7:
		gemmF32_7x32_avx512(t)
	case 8:
		gemmF32_8x32_avx512(t)
	case 9:
		gemmF32_9x32_avx512(t)
	case 10:
		gemmF32_10x32_avx512(t)
	case 11:
		gemmF32_11x32_avx512(t)
	case 12:
		gemmF32_12x32_avx512(t)
	case 13:
		gemmF32_13x32_avx512(t)
	case 14:
		gemmF32_14x32_avx512(t)
	}
}

// outerTile computes a tile of a weight gradient.
func (i isa) outerTile(rows int, t *outerTile) {
	if i == avx2 {
		outerTileAVX2(rows, t)
	} else {
		outerTileAVX512(rows, t)
	}
}

func outerTileAVX2(rows int, t *outerTile) {
	switch rows {
	case 1:
		outerF32_1x16_avx2(t)
	case 2:
		outerF32_2x16_avx2(t)
	case 3:
		outerF32_3x16_avx2(t)
	case 4:
		outerF32_4x16_avx2(t)
	case 5:
		outerF32_5x16_avx2(t)
	case 6:
		outerF32_6x16_avx2(t)
	}
}

func outerTileAVX512(rows int, t *outerTile) {
	switch rows {
	case 1:
		outerF32_1x32_avx512(t)
	case 2:
		outerF32_2x32_avx512(t)
	case 3:
		outerF32_3x32_avx512(t)
	case 4:
		outerF32_4x32_avx512(t)
	case 5:
		outerF32_5x32_avx512(t)
	case 6:
		outerF32_6x32_avx512(t)
	case 7:
		outerF32_7x32_avx512(t)
	case 8:
		outerF32_8x32_avx512(t)
	case 9:
		outerF32_9x32_avx512(t)
	case 10:
		outerF32_10x32_avx512(t)
	case 11:
		outerF32_11x32_avx512(t)
	case 12:
		outerF32_12x32_avx512(t)
	case 13:
		outerF32_13x32_avx512(t)
	case 14:
		outerF32_14x32_avx512(t)
	}
}

// peak runs the loop of multiply-adds and returns the operations in a turn: 12
// vectors, each lane a product and a sum.
func (i isa) peak(turns int) float64 {
	if i == avx2 {
		peakF32_avx2(turns)
		return 12 * 8 * 2
	}
	peakF32_avx512(turns)
	return 12 * 16 * 2
}

// vectorSets has the passes of each variant.
var vectorSets = [...]*vectors{
	generic: nil,
	avx2: {
		lanes:          8,
		add:            addF32_avx2,
		mul:            mulF32_avx2,
		scale:          scaleF32_avx2,
		axpy:           axpyF32_avx2,
		exp:            expF32_avx2,
		sum:            sumF32_avx2,
		dot:            dotF32_avx2,
		bce:            bceF32_avx2,
		bceGrad:        bceGradF32_avx2,
		adam:           adamF32_avx2,
		adamPast:       adamPastF32_avx2,
		rmsprop:        rmspropF32_avx2,
		momentum:       momentumF32_avx2,
		nesterov:       nesterovF32_avx2,
		ema:            emaF32_avx2,
		fromBytes:      fromBytesF32_avx2,
		columnSums:     columnSumsF32_avx2,
		copyPanel:      copyPanelF32_avx2,
		copyStrip:      copyStripF32_avx2,
		nonzeroColumns: nonzeroColumnsF32_avx2,
		nonzeroRows:    nonzeroRowsF32_avx2,
		transpose:      transposeF32_avx2,
		act: [...]unaryFunc{
			ReLU:      reluF32_avx2,
			LeakyReLU: leakyF32_avx2,
			ELU:       eluF32_avx2,
			Sigmoid:   sigmoidF32_avx2,
			Tanh:      tanhF32_avx2,
			Softplus:  softplusF32_avx2,
		},
		actGrad: [...]binaryFunc{
			ReLU:      reluGradF32_avx2,
			LeakyReLU: leakyGradF32_avx2,
			ELU:       eluGradF32_avx2,
			Sigmoid:   sigmoidGradF32_avx2,
			Tanh:      tanhGradF32_avx2,
			Softplus:  softplusGradF32_avx2,
		},
	},
	avx512: {
		lanes:          16,
		add:            addF32_avx512,
		mul:            mulF32_avx512,
		scale:          scaleF32_avx512,
		axpy:           axpyF32_avx512,
		exp:            expF32_avx512,
		sum:            sumF32_avx512,
		dot:            dotF32_avx512,
		bce:            bceF32_avx512,
		bceGrad:        bceGradF32_avx512,
		adam:           adamF32_avx512,
		adamPast:       adamPastF32_avx512,
		rmsprop:        rmspropF32_avx512,
		momentum:       momentumF32_avx512,
		nesterov:       nesterovF32_avx512,
		ema:            emaF32_avx512,
		fromBytes:      fromBytesF32_avx512,
		columnSums:     columnSumsF32_avx512,
		copyPanel:      copyPanelF32_avx512,
		copyStrip:      copyStripF32_avx512,
		nonzeroColumns: nonzeroColumnsF32_avx512,
		nonzeroRows:    nonzeroRowsF32_avx512,
		transpose:      transposeF32_avx512,
		act: [...]unaryFunc{
			ReLU:      reluF32_avx512,
			LeakyReLU: leakyF32_avx512,
			ELU:       eluF32_avx512,
			Sigmoid:   sigmoidF32_avx512,
			Tanh:      tanhF32_avx512,
			Softplus:  softplusF32_avx512,
		},
		actGrad: [...]binaryFunc{
			ReLU:      reluGradF32_avx512,
			LeakyReLU: leakyGradF32_avx512,
			ELU:       eluGradF32_avx512,
			Sigmoid:   sigmoidGradF32_avx512,
			Tanh:      tanhGradF32_avx512,
			Softplus:  softplusGradF32_avx512,
		},
	},
}
