// Package server is Millrace's small control plane: it serves what it is given as a value over ADS, incremental and
// state of the world, to Millrace, to Envoy and to grpc's own xDS client.
//
// Flow: xds/source and xds/frontend build a [State] for a group of nodes → [Server.Set] finds what changed against what
// it holds and hands only that to the nodes, in an order in which nothing names what is not there yet → the nodes' ACKs
// and NACKs come back through [Server.Status], [Server.Await] and the observer.
//
// It stands on go-control-plane: one linear cache for each type of each group, so that the cost of a change is that of
// what changed. Between the caches and a stream stands a peer, which sees each response before it goes out. It gives
// all types of one Set the same version, sorts resources, answers for names that do not exist, parks the watch
// of a client that NACKs (the library would send the same thing again at once, without end), and knows at each moment
// which version a node has.
//
// [Debounce] makes one update of a burst of events.
//
// The package imports xds/status, go-control-plane and grpc, and nothing else of the project.
package server
