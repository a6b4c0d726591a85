// Package status is how a client of xDS tells a control plane which resources it refused, and why: a list of
// [ResourceError] written into, and read back from, the google.rpc.Status of a NACK.
//
// Flow: proxy/config judges each resource by itself and returns its errors, xds/client makes one NACK of them with
// [Detail], xds/server reads that NACK with [Errors] and reports it for each object.
//
// The package imports nothing of the project.
package status
