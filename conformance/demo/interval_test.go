package main

import (
	"math"
	"testing"
)

func TestTheIntervalIsWilsons(t *testing.T) {
	for name, c := range map[string]struct {
		k, n      int
		low, high float64
	}{
		"nothing counted says nothing":     {0, 0, 0, 1},
		"none of some is not none for all": {0, 100, 0, 0.0977},
		"a tenth of a thousand":            {100, 1000, 0.0730, 0.1356},
		"half of a thousand":               {500, 1000, 0.4483, 0.5517},
	} {
		t.Run(name, func(t *testing.T) {
			low, high := interval(c.k, c.n)
			if math.Abs(low-c.low) > 0.0005 || math.Abs(high-c.high) > 0.0005 {
				t.Errorf("got %.4f to %.4f, want %.4f to %.4f", low, high, c.low, c.high)
			}
		})
	}
}
