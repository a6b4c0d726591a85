package worlds

import "testing"

func TestSeldonsClientAsksDeploymentsOverGRPC(t *testing.T) {
	i := up(t, []string{"seldon"}, "seldon")
	client(t, i, "seldon", "seldon_sdk.py")
}
