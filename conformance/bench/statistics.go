package main

import "slices"

// spread is the median of some figures, the least and the greatest.
type spread struct{ Median, Least, Greatest float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	middle := v[len(v)/2]
	if len(v)%2 == 0 {
		middle = (v[len(v)/2-1] + middle) / 2
	}
	return spread{middle, v[0], v[len(v)-1]}
}

// of is the spread of one figure over the samples.
func of(samples []sample, figure func(sample) float64) spread {
	var v []float64
	for _, s := range samples {
		v = append(v, figure(s))
	}
	return spreadOf(v)
}

// ratios is the spread of a figure's ratio in each round.
func ratios(one, other []sample, figure func(sample) float64) spread {
	var v []float64
	for i := range min(len(one), len(other)) {
		if d := figure(other[i]); d > 0 {
			v = append(v, figure(one[i])/d)
		}
	}
	return spreadOf(v)
}
