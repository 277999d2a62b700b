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

// directWhole returns the micro-kernels of a kind that is not wide, for so many columns: the
// height of the whole tile, that, and the one of a single row.
func (i isa) directWhole(kind directKind, cols int) (rows int, whole, single func(*directTile)) {
	tiles := &directTiles[i]
	k := &tiles.depth[1]
	if kind == directNarrow {
		k = &tiles.narrow[cols-1]
	} else if cols <= tiles.lanes {
		k = &tiles.depth[0]
	}
	return k.rows, k.whole, k.single
}

// wholeTile are micro-kernels of one height, and of one row.
type wholeTile struct {
	rows          int
	whole, single func(*directTile)
}

// directTiles has the micro-kernels of each variant, by their numbers of rows.
var directTiles = [...]struct {
	lanes      int
	half, full []func(*directTile)
	depth      [2]wholeTile // of one vector and of two
	narrow     [narrowCols]wholeTile
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
		depth: [2]wholeTile{
			{6, depthF32_6x8_avx2, depthF32_1x8_avx2},
			{6, depthF32_6x16_avx2, depthF32_1x16_avx2},
		},
		narrow: [narrowCols]wholeTile{
			{6, narrowF32_6x1_avx2, narrowF32_1x1_avx2},
			{6, narrowF32_6x2_avx2, narrowF32_1x2_avx2},
			{3, narrowF32_3x3_avx2, narrowF32_1x3_avx2},
			{2, narrowF32_2x4_avx2, narrowF32_1x4_avx2},
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
		depth: [2]wholeTile{
			{12, depthF32_12x16_avx512, depthF32_1x16_avx512},
			{12, depthF32_12x32_avx512, depthF32_1x32_avx512},
		},
		narrow: [narrowCols]wholeTile{
			{12, narrowF32_12x1_avx512, narrowF32_1x1_avx512},
			{12, narrowF32_12x2_avx512, narrowF32_1x2_avx512},
			{8, narrowF32_8x3_avx512, narrowF32_1x3_avx512},
			{6, narrowF32_6x4_avx512, narrowF32_1x4_avx512},
		},
	},
}
