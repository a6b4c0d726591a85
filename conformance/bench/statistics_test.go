package main

import "testing"

func TestTheMedianOfPairedRatiosIsNotTheRatioOfMedians(t *testing.T) {
	one := []sample{{CPU: 1}, {CPU: 20}, {CPU: 3}}
	other := []sample{{CPU: 2}, {CPU: 40}, {CPU: 3}}
	got := ratios(one, other, func(s sample) float64 { return s.CPU })
	if want := (spread{Median: 0.5, Least: 0.5, Greatest: 1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTheMedianOfAnEvenNumberLiesBetweenTheTwo(t *testing.T) {
	if got := spreadOf([]float64{4, 1, 2, 3}); got != (spread{2.5, 1, 4}) {
		t.Errorf("got %v", got)
	}
	if got := spreadOf(nil); got != (spread{}) {
		t.Errorf("of nothing: %v", got)
	}
}
