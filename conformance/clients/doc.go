// Package clients asks a whole Millrace, run by `millrace up` on the samples with their real model servers, the way that its
// users do: with the official Triton client over HTTP and gRPC, with plain HTTP in Seldon's and KServe's forms, by /ask, and with
// bytes on a socket. What the model servers answer when they are asked directly is what Millrace is to answer.
//
// The Python scripts are run in the environment conformance/servers/clients.txt; each of their scenarios is a subtest.
//
// The package has only tests; it imports conformance/system and the standard library.
package clients
