// Package load asks an address as many clients at once would, counts the answers, and holds every byte of each against what it
// must be: an answer that is not right ends the run with an error, so that no figure counts which was got by a wrong answer.
//
// Flow: [HTTP] or [GRPC] makes a [Client] for each worker → [Start] runs them, each as fast as it is answered (closed loop) or at
// a fixed rate (open loop) → [Run.Stop] gives the times.
//
// It imports wire, upstream for its codec, and grpc. Its main type is [Run].
package load
