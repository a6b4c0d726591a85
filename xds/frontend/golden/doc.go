// Package golden holds front ends to their golden files in tests: testdata/NAME.yaml is read as the control plane reads it,
// and what comes of it (servers, models, graphs, findings with their carets) must be what testdata/NAME.golden says.
// `go test ./xds/frontend/... -update` writes the golden files anew.
//
// Only tests import the package. Its main function is [Files].
package golden
