// Package rng draws random numbers as pure functions of a key and a counter.
//
// There is no generator that is advanced: draw i of a key is always the same number,
// in whatever order, on whatever goroutine and how often it is asked for. A key is
// made from a seed and a path, such as (seed, stream, epoch, sample), so that work
// may be split, resumed or recomputed without any state being carried along.
//
// Draw i of a key is the output i of SplitMix64 seeded with that key (Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Keys are
// separated by another mixing function than the draws, the finaliser of MurmurHash3,
// so that a forked key never is one of its parent's draws. The numbers are not fit
// for cryptography.
package rng

import "math/bits"

// Key names one stream of draws. Every value is a valid key; make keys with [New] and
// [Key.Fork], which spread seeds that lie close together.
type Key uint64

// gamma is the step of SplitMix64's counter, 2^64 divided by the golden ratio.
const gamma = 0x9e3779b97f4a7c15

// New returns the key of a path below a seed. The order of the path counts, and a path
// differs from each of its beginnings: New(s, a).Fork(b) is New(s, a, b).
func New(seed uint64, path ...uint64) Key {
	k := Key(separate(seed + gamma))
	for _, id := range path {
		k = k.Fork(id)
	}
	return k
}

// Hash turns a name into a stream's id for [New] and [Key.Fork] (FNV-1a, 64 bits).
func Hash(name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return h
}

// Fork returns the key of the child id. Two children of one key never share a key.
func (k Key) Fork(id uint64) Key { return Key(separate(uint64(k) + mix(id+gamma))) }

// Uint64 returns draw i: 64 uniform bits.
func (k Key) Uint64(i uint64) uint64 { return mix(uint64(k) + (i+1)*gamma) }

// Float64 returns draw i as a uniform multiple of 2^-53 in [0, 1).
func (k Key) Float64(i uint64) float64 { return float64(k.Uint64(i)>>11) * 0x1p-53 }

// Float32 returns draw i as a uniform multiple of 2^-24 in [0, 1).
func (k Key) Float32(i uint64) float32 { return float32(k.Uint64(i)>>40) * 0x1p-24 }

// IntN returns draw i as an integer in [0, n). No number's probability is off by more
// than 2^-64. It panics where n < 1.
func (k Key) IntN(i uint64, n int) int {
	if n < 1 {
		panic("rng: IntN needs a positive bound")
	}
	hi, _ := bits.Mul64(k.Uint64(i), uint64(n))
	return int(hi)
}

// Perm returns a uniform permutation of 0..n-1, made from the draws 0..n-2 of the key.
func (k Key) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	shuffle(k, p)
	return p
}

// Shuffle permutes p in place as [Key.Perm] would, and allocates nothing.
func (k Key) Shuffle(p []int32) { shuffle(k, p) }

// shuffle is the Fisher-Yates algorithm, from the end to the beginning.
func shuffle[T int | int32](k Key, p []T) {
	for i := len(p) - 1; i > 0; i-- {
		j := k.IntN(uint64(len(p)-1-i), i+1)
		p[i], p[j] = p[j], p[i]
	}
}

// mix is the finaliser of SplitMix64 (variant 13 of Stafford's).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// separate is the 64-bit finaliser of MurmurHash3.
func separate(z uint64) uint64 {
	z = (z ^ z>>33) * 0xff51afd7ed558ccd
	z = (z ^ z>>33) * 0xc4ceb9fe1a85ec53
	return z ^ z>>33
}
