//go:build !noasm

package kernels

// directTile computes a tile of so many rows, of one vector's width or two.
func (i isa) directTile(rows int, t *directTile) {
	tiles := &directTiles[i]
	half := tiles.lanes
	if t.cols <= half {
		tiles.half[rows-1](t)
	} else {
		tiles.full[rows-1](t)
	}
}

// directTiles has the micro-kernels of each variant, by their numbers of rows.
var directTiles = [...]struct {
	lanes      int
	half, full []func(*directTile)
}{
	generic: {},
	avx2: {
		lanes: 8,
		half: []func(*directTile){
			directF32_1x8_avx2, directF32_2x8_avx2, directF32_3x8_avx2,
			directF32_4x8_avx2, directF32_5x8_avx2, directF32_6x8_avx2,
		},
		full: []func(*directTile){
			directF32_1x16_avx2, directF32_2x16_avx2, directF32_3x16_avx2,
			directF32_4x16_avx2, directF32_5x16_avx2, directF32_6x16_avx2,
		},
	},
	avx512: {
		lanes: 16,
		half: []func(*directTile){
			directF32_1x16_avx512, directF32_2x16_avx512, directF32_3x16_avx512, directF32_4x16_avx512,
			directF32_5x16_avx512, directF32_6x16_avx512, directF32_7x16_avx512, directF32_8x16_avx512,
			directF32_9x16_avx512, directF32_10x16_avx512, directF32_11x16_avx512, directF32_12x16_avx512,
		},
		full: []func(*directTile){
			directF32_1x32_avx512, directF32_2x32_avx512, directF32_3x32_avx512, directF32_4x32_avx512,
			directF32_5x32_avx512, directF32_6x32_avx512, directF32_7x32_avx512, directF32_8x32_avx512,
			directF32_9x32_avx512, directF32_10x32_avx512, directF32_11x32_avx512, directF32_12x32_avx512,
		},
	},
}
