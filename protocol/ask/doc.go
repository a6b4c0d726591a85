// Package ask is the dialect of people, scripts and business systems: POST /ask/{name or expression} with a JSON object of
// fields, answered by a JSON object of answers.
//
//	{"text": "I love it"}                 → {"language": "en", "sentiment": "positive"}
//	{"text": ["I love it", "naja"]}       → {"language": ["en", "de"], "sentiment": ["positive", "neutral"]}
//	"I love it"                           → the same as {"text": "I love it"} where text is the only field that is due
//
// Scalars are one row and the reply follows; arrays are rows; arrays of arrays of numbers are tensors. null is a field that is
// not given. Strings are BYTES, booleans BOOL, numbers Untyped until a contract says what they are. Objects, deeper arrays of
// strings and mixed arrays are no fields and refused. `$parameters` is an object of parameters.
//
// A reply is keyed by part; a single part is keyed by its name. With [message.Asking.Full] every output is shown, as an object.
// A value without a form as tensors is embedded as it is. Parts that failed in a partial answer stand under `errors`.
//
// The package imports protocol/body, contract, jsontensor, jsontext, message and tensor.
package ask
