// Package engine runs a compiled graph (graph/plan) for one request.
//
// It sees model servers only through [Servers], which is split-phase: [Servers.Start] writes a call, [Pending.Wait] reads
// its reply. All parts of a graph run as resumable states in the goroutine that called [Execute]: whatever can be sent is
// sent, then the engine waits for a reply and goes on from there. Joins, the first good reply and quorums
// included, no goroutine is started; only shadows have goroutines of their own, which [Taps] owns.
//
// A [Run] is the state of one request and is used again through a pool. Messages that come up in a run belong to it and
// are released by [Run.Close].
//
// The package imports graph/{ast,plan,condition,policy,diagnostic}, protocol/{message,tensor,body,jsontext} and gobreaker. It knows no socket and no dialect.
package engine
