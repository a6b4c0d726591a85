// Command demo shows on one terminal what Millrace does, with real model servers, and checks all that it shows.
//
//	make demo            run it, stop everything, exit 0; 1 with the reasons if anything is not as it should be
//	make demo KEEP=1     leave everything running at the end and print lines to try
//
// Flow: it prepares what is missing (Python environments, the binary), copies deploy/samples to a scratch directory, runs
// `millrace up` on the copy as a user would, and from then on speaks to it over the wire and by saving files only. Each of
// the seven sections is one file, step_*.go; [demo] carries what they share.
//
// It imports the standard library, gRPC's client and, of this module, conformance/checkout and the supervisor for the one
// question who listens on a port. Nothing in it knows how the proxy works.
package main
