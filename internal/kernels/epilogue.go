package kernels

import "github.com/hourglass-go/hourglass/internal/parallel"

// EpilogueGrad is the gradient of a layer's epilogue y = act(z + bias), for y of shape
// [Rows, Cols]:
//
//	dz = dy * act'(y)    dbias = column sums of dz
//
// One goroutine uses it at a time; it allocates in NewEpilogueGrad only.
type EpilogueGrad[T Float] struct {
	rows, cols int
	act        Act
	dz, y, sum []T
	tile       region
}

// epilogueRows is the number of rows whose sums make one part; parts are added in order.
const epilogueRows = 512

// NewEpilogueGrad prepares the gradient.
func NewEpilogueGrad[T Float](rows, cols int, act Act) *EpilogueGrad[T] {
	g := &EpilogueGrad[T]{rows: rows, cols: cols, act: act}
	g.tile = g.part
	return g
}

// EpilogueScratch is the number of elements of temporary memory that Run wants.
func EpilogueScratch(rows, cols int) int { return ceilDiv(rows, epilogueRows) * cols }

// Run overwrites dy with dz and sets dbias, unless it is nil. y is not read where there is
// no activation.
func (g *EpilogueGrad[T]) Run(team *parallel.Team, dbias, dy, y, scratch []T) {
	if dbias == nil && g.act.Kind == Identity {
		return
	}
	need("EpilogueGrad", "dy", len(dy), g.rows*g.cols)
	g.dz = dy[:g.rows*g.cols]
	if g.act.Kind != Identity {
		need("EpilogueGrad", "y", len(y), g.rows*g.cols)
		g.y = y
	}
	parts := ceilDiv(g.rows, epilogueRows)
	if dbias != nil {
		need("EpilogueGrad", "dbias", len(dbias), g.cols)
		need("EpilogueGrad", "scratch", len(scratch), parts*g.cols)
		g.sum = scratch
	}
	team.Run(parts, &g.tile)
	if dbias != nil {
		sumColumns(dbias[:g.cols], scratch, parts, g.cols)
	}
	g.dz, g.y, g.sum = nil, nil, nil
}

func (g *EpilogueGrad[T]) part(tile int) {
	lo, hi := tile*epilogueRows, min((tile+1)*epilogueRows, g.rows)
	dz := g.dz[lo*g.cols : hi*g.cols]
	if g.y != nil {
		ActivateGrad(g.act, dz, dz, g.y[lo*g.cols:])
	}
	if g.sum != nil {
		ColumnSums(g.sum[tile*g.cols:][:g.cols], dz)
	}
}
