// Package message is what flows along the edges of a graph: a request or a reply that carries the bytes in which it
// arrived ([Wire]) and is decoded to its canonical form ([Content]) only when a part needs tensors or another dialect.
//
// Each dialect is a [Codec]: pure functions between the two forms. A [Failure] is the one type that carries an error through
// the engine; each codec renders it in its protocol's own form.
//
// The package imports protocol/body and protocol/tensor. It knows no graph and no socket.
package message
