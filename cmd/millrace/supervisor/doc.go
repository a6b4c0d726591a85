// Package supervisor runs model servers as local processes.
//
// A [Supervisor] is given [Spec] values, one a server, and keeps their processes running: it prepares the server's
// Python environment, chooses free ports, starts each replica in a process group of its own, awaits readiness, restarts
// what ends with exponential back-off, and ends everything on [Supervisor.Stop]. Every change is told to one callback
// as a [Report], which carries the addresses of the server's ready replicas: the callback of `millrace up` makes
// endpoints of them.
//
// No process outlives the supervisor, not even one that is killed with SIGKILL. Between the two stands a guard: this
// same binary, started again under the name millrace-guard, which is the server's parent. The guard holds the read end
// of a pipe; when the pipe ends because the supervisor is gone, it kills the server's group and every descendant
// that had left the group.
//
// The package runs on Linux only. It may import the standard library, golang.org/x/sys and its own sub-packages.
package supervisor
