// Package mlflow is MLflow's scoring server: POST /invocations, answered by {"predictions": …}. It is a server's dialect.
//
// Where every input is a column ([rows], [rows, 1], or no declared shape) the request is a dataframe_split with the inputs'
// names as columns. Where one is a tensor the request is `inputs`: the bare tensor for a single input without a server's name
// of its own (or with the name `$`), else an object by name. The contract's fixed parameters are `params`.
//
// Predictions are read as an array, as records (a tensor a column) or as an object of tensors; what has no such form
// stays JSON, which a contract reads by path.
//
// The package imports protocol/body, contract, jsontensor, jsontext, message and tensor.
package mlflow
