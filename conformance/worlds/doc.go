// Package worlds shows Millrace between the worlds of MLflow, BentoML, OpenAI, Seldon's gRPC and Open Inference: with real
// servers, started for the test by their own commands, and with the official clients, which know nothing of Millrace.
//
// The objects are in testdata, a file a world, with NAME.local.yaml as its part of the binding file; the clients are Python
// scripts beside the tests, which use the scenarios of conformance/clients. The package has tests only.
package worlds
