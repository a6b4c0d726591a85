// Package bentoml is the dialect of BentoML services, of servers and of clients: a POST to the route of a method, whose body is a
// JSON object by the names of the method's parameters, or the bare value of its only one where that is the root input.
//
// Requests are built from the contract's inputs as a plain service's are: each stands at its name, which may be a path. The name
// [RootInput] (or `$`) is the whole body. An input whose contract gives it a media type as content_type, as image/png, is a
// file, and the request then a form (multipart/form-data).
//
// A client's form has a field for each part. Files are BYTES, several of one name a row each; other parts are JSON, or else
// text, as BentoML reads them. A body with the media type of a file is the root input.
//
// A reply is any JSON value, or text or a file by its content type.
//
// The package imports protocol/body, contract, jsontensor, jsontext, message, plain and tensor. Its main type is [Codec].
package bentoml
