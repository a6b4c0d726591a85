// Package kserve reads KServe's InferenceGraphs (serving.kserve.io) and lowers each to one graph that answers as KServe's
// router does: Sequence, Splitter, Switch and Ensemble nodes over services that are called as they stand, bodies passed
// byte for byte.
//
// What belongs to the router's workload (resources, replicas, affinity) is passed over; what could change an answer and is
// not understood is refused by field.
//
// The package imports xds/frontend and its document package. Its main function is [Read].
package kserve
