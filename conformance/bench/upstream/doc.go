// Package upstream is the servers behind every contender: an HTTP/1.1 and a gRPC server that answer each message with the same
// bytes, and a gRPC model server that answers a tensor. They cost as little as they can.
//
// It imports wire, protocol/oip and grpc. Its main type is [Servers].
package upstream
