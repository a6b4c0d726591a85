package main

import "math"

// z is the normal quantile of a two-sided interval of 99.9 %: a fair split falls outside of it once in a thousand runs.
const z = 3.2905

// interval returns Wilson's score interval of a share of which k in n were counted.
func interval(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	p, m := float64(k)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return math.Max(0, centre-half), math.Min(1, centre+half)
}
