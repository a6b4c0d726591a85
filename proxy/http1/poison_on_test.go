//go:build poison || race

package http1

// poisoned says that pools give nothing back, or not always, in this build.
const poisoned = true
