package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/cmd/millrace/supervisor/pyenv"
)

// TestFunctionsAreTypedByTheirContract runs function_test.py, in the environment that serves functions.
func TestFunctionsAreTypedByTheirContract(t *testing.T) {
	env, err := pyenv.ReadFile("mlserver.txt")
	if err != nil {
		t.Fatal(err)
	}
	python, err := pyenv.NewStore("../../.cache/python", t.Output()).Ensure(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := filepath.Abs("../../cmd/millrace/supervisor/pyserve")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "function_test.py")
	cmd.Env = append(os.Environ(), "RUNTIME="+runtime, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
