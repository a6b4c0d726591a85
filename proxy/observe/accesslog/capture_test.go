package accesslog

import (
	"bytes"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/filter/filtertest"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// answer is a terminal that answers a gRPC request.
type answer struct{}

func (answer) Serve(d stream.Downstream, _ *router.Match, info *router.Info) {
	info.Status = 200
	h := &stream.ResponseHead{Status: 200, ContentLength: -1}
	h.Header.Add("x-model", "sentiment@3")
	_ = d.SendHead(h, false)
	_ = d.Send(body.Of([]byte("reply")), false)
	var t stream.Header
	t.Add("grpc-status", "5")
	_ = d.SendTrailers(&t)
}

func TestTheLogOfAManagerSeesRequestAndResponse(t *testing.T) {
	var out bytes.Buffer
	l, err := NewSinks(Options{Stdout: &out}).New(configs(t, `{"typed_config": {`+stdoutType+`, "log_format": {"text_format":
		"%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESP(X-MODEL)% %GRPC_STATUS% %BYTES_SENT% %DOWNSTREAM_REMOTE_ADDRESS%\n"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := filter.Config{Routes: new(filter.Routes), Terminal: answer{}, Log: l}
	Install(&c)
	m := filter.NewManager(c)
	for range 2 { // the second one in the memory of the first
		m.Serve(filtertest.New("POST", "/inference.GRPCInferenceService/ModelInfer", "content-type", "application/grpc"))
	}
	l.Close()
	want := "POST /inference.GRPCInferenceService/ModelInfer 200 sentiment@3 NotFound 5 192.0.2.1:4000\n"
	if out.String() != want+want {
		t.Errorf("got  %q\nwant %q", out.String(), want+want)
	}
}

func TestNothingIsCapturedThatNoLogNeeds(t *testing.T) {
	l, err := NewSinks(Options{Stdout: new(bytes.Buffer)}).New(configs(t, `{"typed_config": {`+stdoutType+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []filter.Config{{Log: l}, {}} {
		if Install(&c); len(c.Filters) != 0 {
			t.Error(c.Filters)
		}
	}
}
