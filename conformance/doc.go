// Package conformance is where claims are checked against what is not Millrace: real model servers, official clients, peers.
//
//	servers      the samples' model servers, each asked in its own protocol; the pinned Python environments
//	environment  prepares those environments
//	system       runs Millrace as a user does, for tests
//	clients      official clients of every protocol, and whether their answers agree
//	worlds       MLflow, BentoML, OpenAI and Seldon's gRPC, with real servers and official clients
//	demo         everything on one terminal, checked: make demo
//	features     holds FEATURES.md against the tests that ran
//
// FEATURES.md is the one table of what Millrace does and which tests show it; DIFFERENCES.md says where its answers differ
// from those of Seldon's orchestrator and KServe's router, and why.
package conformance
