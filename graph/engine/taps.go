package engine

// Taps runs shadows.
type Taps struct{}
