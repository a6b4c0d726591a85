// Package resources turns a snapshot of objects, and the addresses of the servers that run, into the xDS resources of one
// node group: a cluster for each server and transport with its endpoints, the Models, the InferenceGraphs, and one listener
// with its routes whose connection manager has the inference filter.
//
// The output is deterministic: the same input gives the same resources, and an object that did not change gives the very
// same message again, so that serving it costs nothing.
//
// The package imports xds/source/store, xds/api and the protobuf types of Envoy. Its main type is [Builder].
package resources
