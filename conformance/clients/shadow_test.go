package clients

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/conformance/system"
)

const shadowed = `
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: desk}
spec:
  predictors:
    - name: main
      graph: {name: quick, type: MODEL, endpoint: {service_host: 127.0.0.1, httpPort: %d}}
    - name: candidate
      shadow: true
      graph: {name: hanging, type: MODEL, endpoint: {service_host: 127.0.0.1, httpPort: %d}}
`

// serve starts an HTTP server of the test's own and returns its port.
func serve(t *testing.T, handler http.HandlerFunc) int {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	var work sync.WaitGroup
	work.Go(func() { _ = server.Serve(lis) }) // it ends with the error that says it was closed
	t.Cleanup(func() {
		server.Close()
		work.Wait()
	})
	return lis.Addr().(*net.TCPAddr).Port
}

func TestAShadowThatHangsDelaysNobody(t *testing.T) {
	const answer = `{"data":{"ndarray":[[0.5]]}}`
	var copies atomic.Int64
	release := make(chan struct{})
	quick := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer)
	})
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		copies.Add(1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	up := system.Start(t, map[string]string{"desk.yaml": fmt.Sprintf(shadowed, quick, hanging)})
	defer close(release)
	c := client(t)
	began := time.Now()
	for range 200 {
		status, got := ask(t, c, up.URL("/seldon/default/desk/api/v1.0/predictions"), `{"data": {"ndarray": [["x"]]}}`)
		if status != http.StatusOK || got != answer {
			t.Fatalf("status %d: %s", status, got)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("200 requests took %v", took)
	}
	system.Eventually(t, "the shadow gets a copy", func() bool { return copies.Load() > 0 })
	page, err := up.Page("/stats/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	var taps []string
	for line := range strings.Lines(page) {
		if strings.Contains(line, "shadow") || strings.Contains(line, "tap") {
			taps = append(taps, line)
		}
	}
	if len(taps) == 0 {
		t.Error("/stats/prometheus says nothing of shadows")
	}
	t.Logf("%d copies; %s", copies.Load(), strings.Join(taps, ""))
}
