package engine

// Breakers keeps the breakers of graphs across runs and recompilations. It is safe for concurrent use.
type Breakers struct{}
