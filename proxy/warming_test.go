package proxy_test

import (
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/millrace/millrace/xds/server"
)

// TestClientsAreToldThatTheProxyIsReadyOnceItHasWarmed: a model without its cluster holds readiness back.
func TestClientsAreToldThatTheProxyIsReadyOnceItHasWarmed(t *testing.T) {
	m := start(t)
	whole := m.state(model("one", plain(t, "one")))
	early := server.State{}
	for typeURL, byName := range whole {
		if typeURL != server.ClusterType && typeURL != server.EndpointType {
			early[typeURL] = byName
		}
	}
	m.set(early)
	for len(m.proxy.ListenAddresses()) == 0 {
		runtime.Gosched()
	}
	ready := func() int {
		resp, err := http.Get(m.url() + "/v2/health/ready")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	// The listener may come before the models do; nothing is ready in either case.
	if code := ready(); code != 400 {
		t.Errorf("while it warms: %d", code)
	}
	m.set(whole)
	m.awaitReady()
	if code := ready(); code != 200 {
		t.Errorf("when it is ready: %d", code)
	}
}
