// Package mlflow is MLflow's scoring server, for clients and as a server: POST /invocations, answered by {"predictions": …}.
//
// # To a server
//
// Where every input is a column ([rows], [rows, 1], or no declared shape) the request is a dataframe_split with the inputs'
// names as columns. Where one is a tensor the request is `inputs`: the bare tensor for a single input without a server's name
// of its own (or with the name `$`), else an object by name. The contract's fixed parameters are `params`.
//
// Predictions are read as an array, as records (a tensor a column) or as an object of tensors; what has no such form
// stays JSON, which a contract reads by path.
//
// # From a client
//
//	dataframe_split              a tensor for each column; index is dropped; without columns one tensor without a name
//	dataframe_records            a tensor for each key, which all records have
//	instances, inputs            as they stand: a tensor without a name, or one for each key
//	text/csv                     a tensor for each column of the head: numbers where all its cells are such as JSON has, BOOL
//	                             where all are true or false, else text
//	messages, prompt or input    JSON as it stands, and the reply is not wrapped in predictions
//
// params are the request's parameters. Columns with null, with empty cells among numbers, or with values of several kinds are
// refused by name. A reply is the bare values of one output, or a record for each row of several, or an object where they have not
// the same rows.
//
// The package imports protocol/body, contract, jsontensor, jsontext, message and tensor. Its main type is [Codec].
package mlflow
