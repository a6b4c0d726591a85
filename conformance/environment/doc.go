// Command environment prepares the Python environments of the conformance suite and the samples.
//
//	go run ./conformance/environment [NAME…]
//
// Without names it prepares all. An environment is a requirements file in conformance/servers, fully pinned; it
// lands in the checkout's ignored folder .cache/python, keyed by the file's content, so a second run does nothing
// and needs no network. Progress goes to standard error; standard output ends with one line an environment: its
// name, a tab, and its interpreter's path.
package main
