//go:build !noasm

package kernels

// gemmTileBF16 computes a tile of rows rows whose terms are pairs of bfloat16: k, and the
// distances between terms, count pairs.
func gemmTileBF16(rows int, t *tile) {
	switch rows {
	case 1:
		gemmBF16_1x32_avx512(t)
	case 2:
		gemmBF16_2x32_avx512(t)
	case 3:
		gemmBF16_3x32_avx512(t)
	case 4:
		gemmBF16_4x32_avx512(t)
	case 5:
		gemmBF16_5x32_avx512(t)
	case 6:
		gemmBF16_6x32_avx512(t)
	case 7:
		gemmBF16_7x32_avx512(t)
	case 8:
		gemmBF16_8x32_avx512(t)
	case 9:
		gemmBF16_9x32_avx512(t)
	case 10:
		gemmBF16_10x32_avx512(t)
	case 11:
		gemmBF16_11x32_avx512(t)
	case 12:
		gemmBF16_12x32_avx512(t)
	case 13:
		gemmBF16_13x32_avx512(t)
	case 14:
		gemmBF16_14x32_avx512(t)
	}
}

// winogradInputsBF16 transform inputs to bfloat16, for F(2x2,3x3) and F(4x4,3x3).
var winogradInputsBF16 = [2]func(*winogradTile){winogradInput2BF16_avx512, winogradInput4BF16_avx512}
