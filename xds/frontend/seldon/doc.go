// Package seldon reads SeldonDeployments (machinelearning.seldon.io) and lowers each to one graph that answers as Seldon
// Core v1's executor does: per node transform-input or predict, then the children (routed, or all with an aggregate), then
// transform-output; predictors are a split by traffic, and a shadow predictor taps it.
//
// What belongs to workloads (componentSpecs, replicas, resources) is not the proxy's business and is passed over; what could
// change an answer and is not understood is refused by field.
//
// The package imports xds/frontend and its document package. Its main function is [Read].
package seldon
