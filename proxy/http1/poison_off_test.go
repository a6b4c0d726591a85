//go:build !poison && !race

package http1

const poisoned = false
