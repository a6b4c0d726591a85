// Package protobuf reads and writes the wire format of protocol buffers for the dialects that speak gRPC, without generated code and
// without reflection.
//
// A message in one piece is read field by field with [Next] or [Each]; bytes are views of it. A message that lies in the segments of a
// body is walked with [Over], which touches no value and joins nothing, and [Replace] puts new fields in the place of old ones around the
// memory that it shares. [AppendElements] turns a repeated field to a tensor's data. Messages are written by appending: [Open] and [Seal]
// stand around a message within a message.
//
// A field of another type than declared is unknown, as protobuf has it: [Field.Is] tells. What cannot be read is a message.Failure that
// blames the request.
//
// The package imports protocol/body, message and tensor, and protowire of google.golang.org/protobuf. Its main type is [Field].
package protobuf
