package kernels

import "fmt"

// Blocks is the geometry between a picture [H*BH, W*BW, C] and one [H, W, BH*BW*C], whose
// pixels hold blocks of the first. The sample (i, j, c) of a block is channel
// (i*BW+j)*C + c, depth-column-row (DCR), or, with ChannelFirst, channel c*BH*BW + i*BW + j,
// column-row-depth (CRD).
type Blocks struct {
	H, W, BH, BW, C int
	ChannelFirst    bool
}

// Elems is the number of elements of either picture.
func (b Blocks) Elems() int { return b.H * b.W * b.BH * b.BW * b.C }

// SpaceToDepth sets dst, the blocks, from src, row y of them.
func SpaceToDepth[T Float](b Blocks, dst, src []T, y int) {
	b.check("SpaceToDepth", len(dst), len(src), y)
	for i := range b.BH {
		for x := range b.W {
			for j := range b.BW {
				wide, deep := b.at(y, i, x, j)
				if !b.ChannelFirst {
					copy(dst[deep:deep+b.C], src[wide:wide+b.C])
					continue
				}
				for c := range b.C {
					dst[deep+c*b.BH*b.BW] = src[wide+c]
				}
			}
		}
	}
}

// DepthToSpace is the inverse, and the transpose, of SpaceToDepth: it sets dst from the
// blocks src, row y of them.
func DepthToSpace[T Float](b Blocks, dst, src []T, y int) {
	b.check("DepthToSpace", len(dst), len(src), y)
	for i := range b.BH {
		for x := range b.W {
			for j := range b.BW {
				wide, deep := b.at(y, i, x, j)
				if !b.ChannelFirst {
					copy(dst[wide:wide+b.C], src[deep:deep+b.C])
					continue
				}
				for c := range b.C {
					dst[wide+c] = src[deep+c*b.BH*b.BW]
				}
			}
		}
	}
}

// at is where sample (i, j, 0) of block (y, x) begins in the wide and in the deep picture.
func (b Blocks) at(y, i, x, j int) (wide, deep int) {
	wide = ((y*b.BH+i)*b.W*b.BW + x*b.BW + j) * b.C
	deep = (y*b.W + x) * b.BH * b.BW * b.C
	if b.ChannelFirst {
		return wide, deep + i*b.BW + j
	}
	return wide, deep + (i*b.BW+j)*b.C
}

func (b Blocks) check(op string, dst, src, y int) {
	need(op, "dst", dst, b.Elems())
	need(op, "src", src, b.Elems())
	if y < 0 || y >= b.H {
		panic(fmt.Sprintf("kernels: %s: row %d of %d", op, y, b.H))
	}
}
