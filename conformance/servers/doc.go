// Package servers holds the Python environments of the suite and tests that the sample servers of deploy/samples are what
// their table says: each is started by the supervisor as its binding file has it, and asked in its own protocol.
package servers
