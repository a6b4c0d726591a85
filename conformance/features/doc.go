// Command features keeps what is claimed and what is tested together.
//
//	features record FILE COMMAND…   run `go test -json …`, append its events to FILE, show what a person wants to see of them
//	features check TABLE FILE       hold the table of features against the recorded events
//	features count FILE [STATUS]    say how many tests passed and failed, as one line; STATUS is the exit code of what ran them
//
// TABLE is conformance/FEATURES.md: rows of feature, state and tests. A row that says "works" names tests, and each of them
// exists, ran, and never failed or was skipped; "partly" says what is missing; "absent" names none. [readTable] reads the
// table, [readResults] the events; [judge] holds one against the other.
//
// It imports the standard library only.
package main
