package clients

import (
	"os"
	"testing"

	"github.com/millrace/millrace/conformance/system"
)

// samples is the instance that the tests of the package share. A test that edits its files undoes it.
var samples *system.Instance

func TestMain(m *testing.M) {
	os.Exit(system.Main(m, func(i *system.Instance) { samples = i }))
}
