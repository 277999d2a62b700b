package rng

import "math"

// The ziggurat of Marsaglia and Tsang ("The ziggurat method for generating random
// variables", J. Stat. Software 5, 2000): the right half of the normal density is
// covered by 256 layers of equal area, all but the lowest rectangles. Layer and
// abscissa come from different bits of a draw (Doornik 2005).
const (
	zigLayers = 256
	zigTail   = 3.6541528853610088  // where the lowest layer's tail begins
	zigArea   = 0.00492867323399141 // of each layer, under exp(-x*x/2)
	zigScale  = 1 << 23             // the 24 signed bits that choose the abscissa
	zigRetry  = 0x5a49474755524154  // keeps the second tries apart from the draws
)

// Layers count from the bottom; zigEdge[l] is the density at the right end of layer l.
var (
	zigLayer [zigLayers]struct {
		width float32 // turns the 24 signed bits into an abscissa
		inner int32   // bits smaller than this in magnitude certainly lie under the density
	}
	zigEdge [zigLayers + 1]float64
)

func init() {
	x := zigArea / density(zigTail) // the lowest layer as a rectangle of the same area
	next := zigTail
	for l := range zigLayers {
		zigLayer[l].width = float32(x / zigScale)
		zigLayer[l].inner = int32(next / x * zigScale)
		zigEdge[l] = density(x)
		x = next
		next = 0
		if l < zigLayers-2 {
			next = math.Sqrt(-2 * math.Log(zigArea/x+density(x)))
		}
	}
	zigEdge[zigLayers] = 1
}

// density is the normal density without its constant factor.
func density(x float64) float64 { return math.Exp(-0.5 * x * x) }

// Normals fills dst with standard normal numbers: dst[i] is element from+i of the key's
// float32 normals, whatever the division into calls. Elements 2j and 2j+1 are made from
// the two halves of draw j, so a key that serves Normals should serve nothing else.
// About 2 ns an element; no allocation. The numbers have 24 bits within their layer
// of the ziggurat and are not those of [Key.Normal].
func (k Key) Normals(dst []float32, from uint64) {
	if len(dst) == 0 {
		return
	}
	i := 0
	if from&1 == 1 {
		dst[0] = k.ziggurat(uint32(k.Uint64(from>>1)>>32), from)
		i = 1
	}
	state := uint64(k) + ((from+uint64(i))>>1)*gamma
	for ; i+1 < len(dst); i += 2 {
		state += gamma
		u := mix(state)
		lo, hi := uint32(u), uint32(u>>32)
		a, b := int32(lo)>>8, int32(hi)>>8
		la, lb := &zigLayer[uint8(lo)], &zigLayer[uint8(hi)]
		pair := (*[2]float32)(dst[i:])
		pair[0], pair[1] = float32(a)*la.width, float32(b)*lb.width
		if max(a, -a) >= la.inner {
			pair[0] = k.ziggurat(lo, from+uint64(i))
		}
		if max(b, -b) >= lb.inner {
			pair[1] = k.ziggurat(hi, from+uint64(i)+1)
		}
	}
	if i < len(dst) {
		dst[i] = k.ziggurat(uint32(k.Uint64((from+uint64(i))>>1)), from+uint64(i))
	}
}

// ziggurat makes element i of the normals from its 32 bits. Where the bits fall
// outside the density, in 1 of 80 cases, it tries again with draws of a child key
// that belongs to this element alone.
func (k Key) ziggurat(bits uint32, i uint64) float32 {
	retry, draw := Key(0), uint64(0)
	for {
		l, j := uint8(bits), int32(bits)>>8
		x := float32(j) * zigLayer[l].width
		if max(j, -j) < zigLayer[l].inner {
			return x
		}
		if draw == 0 {
			retry = k.Fork(zigRetry).Fork(i)
		}
		if l == 0 {
			return retry.beyondTail(draw, j < 0)
		}
		height := zigEdge[l] + retry.Float64(draw)*(zigEdge[int(l)+1]-zigEdge[l])
		if height < density(float64(x)) {
			return x
		}
		bits = uint32(retry.Uint64(draw + 1))
		draw += 2
	}
}

// beyondTail draws from the normal distribution beyond zigTail (Marsaglia 1964).
func (k Key) beyondTail(draw uint64, negative bool) float32 {
	for ; ; draw += 2 {
		x := -math.Log(1-k.Float64(draw)) / zigTail
		y := -math.Log(1 - k.Float64(draw+1))
		if 2*y >= x*x {
			if negative {
				return float32(-zigTail - x)
			}
			return float32(zigTail + x)
		}
	}
}
