// Package pyenv prepares Python environments for model servers.
//
// An [Env] is a name, a Python version and a list of requirements. [Store.Ensure] turns it into an
// interpreter's path: the folder is keyed by a hash of what was asked for, so an unchanged Env is found again
// at once, without a network, and a changed one gets a folder of its own. The work is done by uv, which the
// store installs for itself, pinned, into a virtual environment made by the machine's own python3.
//
// Two processes may prepare the same environment at once (a file lock lets one of them work), and an
// installation that was interrupted is begun again: a marker is the last thing written.
//
// Place in the flow: `millrace up` and the conformance suite prepare environments before the supervisor starts
// the servers that need them. The package imports only the standard library.
package pyenv
