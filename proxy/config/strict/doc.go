// Package strict refuses what a configuration message sets and the proxy does not do. A field that changes behaviour and is
// ignored would be a lie; a decoder lists the fields that it reads ([Fields]) and every other field that is set is an
// error which names it; [Duration] reads the one kind of field whose bound is always the same.
//
// Flow: the decoders of proxy/cluster, proxy/router, proxy/filter and proxy/config call it first. Fields that the linked
// protobuf does not know cannot be seen and stay without effect, as with Envoy. The package imports protobuf only; it uses
// reflection and is never on a request's path.
package strict
