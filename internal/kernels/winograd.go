package kernels

import "math"

// Winograd's minimal filtering (Winograd 1980; for networks Lavin and Gray 2015) computes
// m x m outputs of a 3x3 convolution of stride 1 at a time, from n x n inputs, n = m+2:
//
//	V = Bt x B    U = G w Gt    M = U * V element by element, summed over channels    y = At M A
//
// The sums are n*n matrix products of [tiles, in] and [in, out]: n*n multiplications in the
// place of 9*m*m, 16 of 36 for F(2x2,3x3) and 36 of 144 for F(4x4,3x3). The price is the
// transforms and, for the larger tile, rounding errors that are larger than those of the
// definition (TestWinogradError has them).
//
// The kernel's gradient is the adjoint of all that:
//
//	dM = A dy At    dU = V * dM, summed over tiles    dw = Gt dU G

// winogradSize is m, the side of a tile of outputs.
type winogradSize int

// side is n, that of a tile of inputs.
func (m winogradSize) side() int { return int(m) + 2 }

// planes is the number of products.
func (m winogradSize) planes() int { return m.side() * m.side() }

// winogradMatrices are those of F(m, 3). Toom and Cook's construction gives them from m+1
// points and infinity: column i of At holds the powers of a point, row i of Bt the
// coefficients of the product of (x - p) over all other points, row i of G the powers of the
// point divided by that product's value at it.
type winogradMatrices struct{ at, g, bt [][]float64 }

const (
	winogradA = math.Sqrt2 / 2
	winogradB = math.Sqrt2
)

var (
	// winograd2 has the points 0, 1, -1. Row 0 of Bt and of G have both changed their sign.
	winograd2 = winogradMatrices{
		at: [][]float64{{1, 1, 1, 0}, {0, 1, -1, 1}},
		g:  [][]float64{{-1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}},
		bt: [][]float64{{-1, 0, 1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
	}
	// winograd4 has the points 0, a, -a, b, -b, where a = sqrt(1/2) and b = sqrt(2): with
	// them errors are half of those with 1 and 2.
	winograd4 = winogradMatrices{
		at: [][]float64{
			{1, 1, 1, 1, 1, 0},
			{0, winogradA, -winogradA, winogradB, -winogradB, 0},
			{0, .5, .5, 2, 2, 0},
			{0, winogradA / 2, -winogradA / 2, 2 * winogradB, -2 * winogradB, 1},
		},
		g: [][]float64{
			{1, 0, 0},
			{-2. / 3, -2. / 3 * winogradA, -1. / 3},
			{-2. / 3, 2. / 3 * winogradA, -1. / 3},
			{1. / 6, winogradB / 6, 1. / 3},
			{1. / 6, -winogradB / 6, 1. / 3},
			{0, 0, 1},
		},
		bt: [][]float64{
			{1, 0, -2.5, 0, 1, 0},
			{0, -winogradB, -2, winogradA, 1, 0},
			{0, winogradB, -2, -winogradA, 1, 0},
			{0, -winogradA, -.5, winogradB, 1, 0},
			{0, winogradA, -.5, -winogradB, 1, 0},
			{0, 1, 0, -2.5, 0, 1},
		},
	}
)

func (m winogradSize) matrices() *winogradMatrices {
	if m == 2 {
		return &winograd2
	}
	return &winograd4
}

// winogradOp is one of the transforms.
type winogradOp int

const (
	winogradInput  winogradOp = iota // x, n x n, to V
	winogradOutput                   // M to y, m x m, with bias and floor
	winogradKernel                   // w, 3 x 3, to U
	winogradPixels                   // dy, m x m, to dM
	winogradTaps                     // dU to dw, 3 x 3
	winogradOps

	// winogradInputBF16 is winogradInput with V in bfloat16, two channels in the place of
	// one number. There is no plain Go form.
	winogradInputBF16
)

// matrix is L of the transform L X Lt.
func (o winogradOp) matrix(m winogradSize) [][]float64 {
	w := m.matrices()
	switch o {
	case winogradInput:
		return w.bt
	case winogradOutput:
		return w.at
	case winogradKernel:
		return w.g
	case winogradPixels:
		return transposedMatrix(w.at)
	default:
		return transposedMatrix(w.g)
	}
}

func transposedMatrix(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for i := range t {
		for j := range m {
			t[i] = append(t[i], m[j][i])
		}
	}
	return t
}

// square is where a transform finds or leaves the elements of a square: n channels each, at
// multiples of a row and a column distance from the start of the slice.
type square[T Float] struct {
	data     []T
	row, col int
}

func (s *square[T]) at(i, j int) []T { return s.data[i*s.row+j*s.col:] }

// winogradTile is the call of a transform in assembly, which knows the offsets of the fields
// and counts n down. Distances are in bytes.
type winogradTile struct {
	src, dst                       *float32
	srcRow, srcCol, dstRow, dstCol int
	n                              int // channels, at least as many as there are lanes
	bias                           *float32
	floor                          float32
}

// winogradWorker is one worker's place to call transforms from.
type winogradWorker[T Float] struct {
	isa     isa
	size    winogradSize
	tile    winogradTile
	l       [winogradOps][][]float64 // of the plain Go form, made when they are first used
	between []T
	zeros   []T // a bias of nothing
}

// transform computes dst = L src Lt for n channels; output adds the bias, which may be nil,
// and takes the maximum with floor.
func (w *winogradWorker[T]) transform(op winogradOp, dst, src square[T], n int, bias []T, floor T) {
	if bias == nil && op == winogradOutput {
		if len(w.zeros) < n {
			w.zeros = make([]T, n)
		}
		bias = w.zeros
	}
	if op != winogradInputBF16 && (w.isa == generic || n < vectorSets[w.isa].lanes) {
		w.transformGeneric(op, dst, src, n, bias, floor)
		return
	}
	w.tile = winogradTile{
		src: &f32(src.data)[0], srcRow: 4 * src.row, srcCol: 4 * src.col,
		dst: &f32(dst.data)[0], dstRow: 4 * dst.row, dstCol: 4 * dst.col,
		n: n, floor: float32(floor),
	}
	if bias != nil {
		w.tile.bias = &f32(bias)[0]
	}
	if op == winogradInputBF16 {
		winogradInputsBF16[w.size/4](&w.tile)
	} else {
		winogradSets[w.isa][w.size/4][op](&w.tile)
	}
}

// transformGeneric is the definition: first the columns, then the rows.
func (w *winogradWorker[T]) transformGeneric(op winogradOp, dst, src square[T], n int, bias []T, floor T) {
	if w.l[op] == nil {
		w.l[op] = op.matrix(w.size)
	}
	l := w.l[op]
	rows, cols := len(l), len(l[0])
	if len(w.between) < cols {
		w.between = make([]T, cols)
	}
	for c := range n {
		for i := range rows {
			for j := range cols {
				var sum T
				for k, f := range l[i] {
					if f != 0 {
						sum += T(f) * src.at(k, j)[c]
					}
				}
				w.between[j] = sum
			}
			for j := range rows {
				var sum T
				for k, f := range l[j] {
					if f != 0 {
						sum += w.between[k] * T(f)
					}
				}
				if op == winogradOutput {
					sum = max(sum+bias[c], floor)
				}
				dst.at(i, j)[c] = sum
			}
		}
	}
}
