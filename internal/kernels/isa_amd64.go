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
