// Package local is `millrace up`: everything that files of objects speak of, on one machine.
//
// Flow: xds/source/pipeline reads the files and serves them over real gRPC → each snapshot's servers become
// [supervisor.Spec] values, and the addresses of those that are ready go back to the pipeline as endpoints → a proxy, started
// with a bootstrap that names that control plane and nothing else, gets all it knows from there. [Run] starts the three, tells
// a person how it goes, writes the ready file once models and graphs answer, and stops everything in order.
//
// It imports the supervisor, xds/source/pipeline and atomicfile, xds/server and Envoy's bootstrap; the proxy comes as a function, so that
// the package links none. Its main type is [Options].
package local
