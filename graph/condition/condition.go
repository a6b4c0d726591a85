package condition

// Condition is a compiled condition, immutable and safe for concurrent use.
type Condition struct{}
