package accesslog

import (
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request is a request that went well.
func request() *Entry {
	h := &stream.RequestHead{Method: []byte("POST"), Scheme: []byte("http"), Path: []byte("/v2/models/sentiment/infer"),
		Authority: []byte("models.example"), Version: stream.HTTP11}
	h.Header.Add("User-Agent", `curl "8"`)
	h.Header.Add("x-request-id", "7f3a")
	h.Header.Add("x-forwarded-for", "192.0.2.7")
	e := &Entry{
		Info: &router.Info{
			Start: time.Date(2026, 11, 24, 7, 5, 3, 42e6, time.UTC), Status: 200, Detail: "via_upstream", Route: "all",
			Cluster: "mls", Host: "127.0.0.1:9002", Tries: 1, RequestDone: time.Millisecond, UpstreamHead: 8 * time.Millisecond,
			UpstreamDone: 9 * time.Millisecond, Done: 9500 * time.Microsecond,
			Progress: stream.Progress{Received: 120, Sent: 340}, RequestID: []byte("7f3a"),
			Graph: "default/triage", Decisions: []byte("split=a"),
		},
		Request: h,
		Conn: &stream.ConnInfo{ID: 12, Remote: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 51000},
			Local: &net.TCPAddr{IP: net.ParseIP("::1"), Port: 8080}, Version: stream.HTTP11, Listener: "main"},
	}
	e.Info.Response.Add("Content-Type", "application/json")
	return e
}
