//go:build !amd64 || noasm

package kernels

func (i isa) gemmTile(int, *tile) { panic("kernels: no tile in plain Go") }
