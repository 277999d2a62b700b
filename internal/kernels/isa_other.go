//go:build !amd64 || noasm

package kernels

func (i isa) gemmTile(int, *tile) { panic("kernels: no tile in plain Go") }

func (i isa) directWhole(directKind, int) (rows int, whole, single func(*directTile)) {
	panic("kernels: no tile in plain Go")
}

func (i isa) directTile(int, *directTile) { panic("kernels: no tile in plain Go") }

func (i isa) outerTile(int, *outerTile) { panic("kernels: no tile in plain Go") }

func (i isa) peak(int) float64 { panic("kernels: no peak in plain Go") }

// vectorSets has the passes of each variant: none here.
var vectorSets [avx512 + 1]*vectors

// columnSets has the passes of each variant: none here.
var columnSets [avx512 + 1]*columnPasses

// winogradSets has the transforms of each variant: none here.
var winogradSets [avx512 + 1][2][winogradOps]func(*winogradTile)

func gemmTileBF16(int, *tile) { panic("kernels: no tile in plain Go") }

// winogradInputsBF16 transform inputs to bfloat16: none here.
var winogradInputsBF16 [2]func(*winogradTile)
