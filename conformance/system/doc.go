// Package system runs Millrace as a user does, for tests: it builds the command once, starts `millrace up` on a copy of the
// samples or on files of a test's own, on ports that the system chooses, and stops it.
//
// Flow: a package of tests calls [Main] from its TestMain and shares the samples; a test that kills servers, or that needs
// others, calls [Start]. All else goes over the wire and through files: the package knows nothing of how the proxy works.
//
// It imports the standard library and, of this module, conformance/checkout and the supervisor for the one question who listens
// on a port. Its main type is [Instance].
package system
