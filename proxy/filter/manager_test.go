package filter_test

import (
	"io"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/filter/filtertest"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type logged struct{ info router.Info }

func (l *logged) Log(_ stream.Downstream, info *router.Info) { l.info = *info }

// echo answers with the request's body.
type echo struct{}

func (echo) Serve(d stream.Downstream, _ *router.Match, info *router.Info) {
	info.Status = 200
	_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: -1}, false)
	for {
		b, err := d.Recv()
		if err == io.EOF {
			_ = d.Send(nil, true)
			return
		}
		_ = d.Send(b, false)
	}
}

type terminalFunc func(d stream.Downstream, m *router.Match, info *router.Info)

func (f terminalFunc) Serve(d stream.Downstream, m *router.Match, info *router.Info) { f(d, m, info) }

// upper wraps the stream and sees chunks in both directions.
type upper struct{ stream.Downstream }

func (upper) Request(*filter.Exchange, any) filter.Verdict { return filter.Continue }
func (upper) Wrap(_ *filter.Exchange, d stream.Downstream) stream.Downstream {
	return upper{d}
}
func (u upper) Recv() (*body.Body, error) {
	b, err := u.Downstream.Recv()
	if err != nil {
		return b, err
	}
	defer b.Release()
	return body.Of([]byte(strings.ToUpper(string(b.Bytes())))), nil
}

// gate stops requests, or marks them with what the route says.
type gate struct{ stop bool }

func (g gate) Request(x *filter.Exchange, perRoute any) filter.Verdict {
	if g.stop {
		x.Reply(403, "no", 0, "gate")
		return filter.Stop
	}
	if s, ok := perRoute.(string); ok {
		x.Down.Head().Header.Add("x-gate", s)
	}
	return filter.Continue
}

func routes(t *testing.T, perRoute any) *filter.Routes {
	t.Helper()
	m := &routev3.RouteConfiguration{}
	text := `{"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"name": "r", "match": {"prefix": "/a"}, "non_forwarding_action": {},
		"typed_per_filter_config": {"gate": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}}}]}]}`
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	tb, err := router.Compile(m, router.Compiler{PerFilter: func(string, *anypb.Any) (any, error) { return perRoute, nil }})
	if err != nil {
		t.Fatal(err)
	}
	r := &filter.Routes{}
	r.Store(tb)
	return r
}

func TestFiltersSeeHeadsAndChunksAndReply(t *testing.T) {
	log := &logged{}
	m := filter.NewManager(filter.Config{Routes: routes(t, "route"), Log: log, Terminal: echo{},
		Filters: []filter.Entry{{Name: "gate", Filter: gate{}}, {Name: "upper", Filter: upper{}}}})
	d := filtertest.New("POST", "/a?q")
	d.Pieces = []string{"one ", "two"}
	m.Serve(d)
	if d.Body != "ONE TWO" || !d.Ended || string(d.Request.Header.Get("x-gate")) != "route" {
		t.Errorf("got %q, header %q", d.Body, d.Request.Header.Get("x-gate"))
	}
	if log.info.Status != 200 || log.info.Route != "r" || string(log.info.Path) != "/a?q" || len(log.info.RequestID) != 36 {
		t.Errorf("logged %+v", log.info)
	}
	if n := m.Stats.Responses[2].Load(); n != 1 {
		t.Errorf("%d responses of 2xx are counted", n)
	}
	m = filter.NewManager(filter.Config{Routes: routes(t, nil), Log: log, Terminal: echo{}, Filters: []filter.Entry{{Name: "gate", Filter: gate{stop: true}}}})
	d = filtertest.New("POST", "/a")
	m.Serve(d)
	if d.Response.Status != 403 || d.Body != "no" || log.info.Detail != "gate" {
		t.Errorf("got %d %q", d.Response.Status, d.Body)
	}
}

func TestARouteTurnsAFilterOff(t *testing.T) {
	for _, c := range []struct {
		perRoute any
		disabled bool
		want     int
	}{{nil, false, 403}, {filter.Disabled{}, false, 200}, {nil, true, 200}, {filter.Enabled{}, true, 403}} {
		m := filter.NewManager(filter.Config{Routes: routes(t, c.perRoute), Terminal: echo{},
			Filters: []filter.Entry{{Name: "gate", Filter: gate{stop: true}, Disabled: c.disabled}}})
		d := filtertest.New("GET", "/a")
		m.Serve(d)
		if d.Response.Status != c.want {
			t.Errorf("%+v: got %d", c, d.Response.Status)
		}
	}
}

func TestADefectCostsOneRequest(t *testing.T) {
	log := &logged{}
	var seen any
	m := filter.NewManager(filter.Config{Routes: &filter.Routes{}, Log: log, OnPanic: func(v any, _ []byte) { seen = v },
		Terminal: terminalFunc(func(stream.Downstream, *router.Match, *router.Info) { panic("boom") })})
	d := filtertest.New("GET", "/")
	m.Serve(d)
	if d.Response.Status != 500 || seen != "boom" || log.info.Status != 500 || m.Stats.Active.Load() != 0 {
		t.Errorf("got %d, %v", d.Response.Status, seen)
	}
}

func TestARequestWithoutRouteGets404(t *testing.T) {
	log := &logged{}
	m := filter.NewManager(filter.Config{Routes: &filter.Routes{}, Log: log, Terminal: &router.Forwarder{}})
	d := filtertest.New("GET", "/")
	m.Serve(d)
	if d.Response.Status != 404 || log.info.Flags != router.NoRouteFound {
		t.Errorf("got %d %s", d.Response.Status, log.info.Flags)
	}
}

func TestAnEdgeTrustsNoStranger(t *testing.T) {
	header := []string{"x-request-id", "theirs", "X-Envoy-Upstream-Rq-Timeout-Ms", "1", "X-Forwarded-For", "10.0.0.9", "x-forwarded-proto", "https"}
	m := filter.NewManager(filter.Config{Routes: &filter.Routes{}, Terminal: echo{}, UseRemoteAddress: true})
	d := filtertest.New("GET", "/", header...)
	m.Serve(d)
	h := &d.Request.Header
	if h.Has("x-envoy-upstream-rq-timeout-ms") || string(h.Get("x-forwarded-for")) != "10.0.0.9,192.0.2.1" ||
		string(h.Get("x-forwarded-proto")) != "http" || len(h.Get("x-request-id")) != 36 {
		t.Errorf("got %v %v", string(h.Get("x-forwarded-for")), string(h.Get("x-request-id")))
	}
	m = filter.NewManager(filter.Config{Routes: &filter.Routes{}, Terminal: echo{}})
	d = filtertest.New("GET", "/", header...)
	before := d.Request.Header.Len()
	m.Serve(d)
	if h := &d.Request.Header; h.Len() != before || string(h.Get("x-request-id")) != "theirs" {
		t.Error("a proxy that is no edge changed a header")
	}
}

func BenchmarkServeWithoutFilters(b *testing.B) {
	m := filter.NewManager(filter.Config{Routes: &filter.Routes{}, Terminal: terminalFunc(func(stream.Downstream, *router.Match, *router.Info) {})})
	d := filtertest.New("GET", "/", "x-request-id", "a")
	b.ReportAllocs()
	for b.Loop() {
		m.Serve(d)
	}
}
