package own_test

import (
	"testing"

	"github.com/millrace/millrace/xds/frontend/golden"
)

// Each file of testdata is a case: what is written, and what becomes of it.
func TestObjectsBecomeTheAlgebraOrAreRefusedAtTheirPlace(t *testing.T) {
	golden.Files(t, "*.yaml", golden.Read)
}
