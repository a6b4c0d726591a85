package policy

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// Pick returns the index that u, uniform in [0, 1), falls on by weights. Weights of 0 or less are never picked; -1 where
// there is no other.
func Pick(weights []float64, u float64) int {
	total := 0.0
	for _, w := range weights {
		total += max(w, 0)
	}
	last, left := -1, u*total
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		if left < w {
			return i
		}
		left -= w
		last = i // rounding may leave a little beyond the last
	}
	return last
}

// Rendezvous returns the index that key belongs to: always the same for the same key, in proportion to weights over
// all keys, and unchanged for every key whose arm stays when arms are added, removed or reordered. hashes are those of the
// arms' names ([Hash]). It is -1 where no weight is positive.
func Rendezvous(key string, hashes []uint64, weights []float64) int {
	best, bestScore := -1, math.Inf(-1)
	k := xxhash.Sum64String(key)
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		// -w/ln(u) orders arms so that each wins in proportion to its weight (weighted rendezvous hashing).
		u := (float64(mix(k^hashes[i])>>11) + 0.5) / (1 << 53)
		if score := -w / math.Log(u); score > bestScore {
			best, bestScore = i, score
		}
	}
	return best
}

// Hash returns what [Rendezvous] knows an arm by.
func Hash(name string) uint64 { return mix(xxhash.Sum64String(name) + 0x9e3779b97f4a7c15) }

// Share tells whether key is among percent of all keys; it is the same key's answer every time, and a larger percentage keeps those
// of a smaller one.
func Share(key string, percent float64) bool {
	return float64(mix(xxhash.Sum64String(key))>>11)/(1<<53)*100 < percent
}

// mix is the finaliser of splitmix64: every bit of the input changes half of the output.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
