// Package bench measures Millrace from the outside, as ratios and times of the real parts together. `make bench` runs it;
// nothing in it decides by time whether a test passes.
package bench
