// Package pyserve serves a plain Python function as a model, over the Open Inference protocol.
//
// `python: topic.py:predict` in a Server asks for it. The package carries one MLServer runtime, millrace_function.py, which
// loads the file, calls the function with one argument a tensor, by name, and types what comes back by the Model's
// contract. [Prepare] turns a [Function] into the command and environment variables that the supervisor runs.
//
// The function receives, for each declared input, a list of strings (string), or a NumPy array (everything else), with
// the rows first; a function of one parameter whose name is not the input's receives it all the same. It returns a
// dict by output name, a tuple in the outputs' order, or, where one output is declared, the value itself.
//
// It imports only the standard library.
package pyserve
