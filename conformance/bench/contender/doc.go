// Package contender starts what is compared, each as a process of its own on free loopback ports in front of the same servers:
// Millrace, Envoy, nginx, HAProxy, net/http's ReverseProxy, a raw TCP relay (the floor), and KServe's router.
//
// Flow: [All] → [Contender.Version] says whether and which it is here → [Contender.Start] for a [Duty] → a [Process] with its
// address and the figures that the system keeps of it. ReverseProxy and the relay are this program again: its main, and the
// TestMain of a test that starts them, begin with [RunRole].
//
// It imports the standard library and the supervisor's pyenv, which knows where Envoy is. Its main type is [Contender].
package contender
