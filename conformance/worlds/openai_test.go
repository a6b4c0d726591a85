package worlds

import "testing"

func TestOpenAIsClientChatsStreamsAndIsToldOfErrors(t *testing.T) {
	i := up(t, []string{"worlds", "mlserver"}, "openai", "tongue")
	client(t, i, "worlds", "openai_sdk.py")
}
