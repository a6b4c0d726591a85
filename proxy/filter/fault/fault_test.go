package fault_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/filter/fault"
	"github.com/millrace/millrace/proxy/filter/filtertest"
	"github.com/millrace/millrace/proxy/router"
)

func encode(t *testing.T, text string) *anypb.Any {
	t.Helper()
	m := &faultv3.HTTPFault{}
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func compile(t *testing.T, text string) filter.Filter {
	t.Helper()
	i, err := fault.Kind{}.Compile(encode(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return i.Filter
}

func serve(f filter.Filter, d *filtertest.Downstream, perRoute any) (filter.Verdict, *router.Info) {
	x := &filter.Exchange{Down: d, Info: &router.Info{}}
	return f.Request(x, perRoute), x.Info
}

func TestAbortsAnswerForTheServer(t *testing.T) {
	f := compile(t, `{"abort": {"http_status": 418, "percentage": {"numerator": 100}}, "headers": [{"name": "x-fault"}]}`)
	d := filtertest.New("GET", "/", "x-fault", "1")
	if v, info := serve(f, d, nil); v != filter.Stop || d.Response.Status != 418 || info.Flags != router.FaultInjected {
		t.Errorf("got %d %s", d.Response.Status, info.Flags)
	}
	if v, _ := serve(f, filtertest.New("GET", "/"), nil); v != filter.Continue {
		t.Error("a request without the header was aborted")
	}
	own, err := fault.Kind{}.PerRoute(encode(t, `{"abort": {"grpc_status": 8, "percentage": {"numerator": 100}}}`))
	if err != nil {
		t.Fatal(err)
	}
	d = filtertest.New("POST", "/", "content-type", "application/grpc")
	if v, _ := serve(f, d, own); v != filter.Stop || string(d.Response.Header.Get("grpc-status")) != "8" {
		t.Error("the route's own fault is not used")
	}
}

func TestDelaysEndWhenTheClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := compile(t, `{"delay": {"fixed_delay": "2s", "percentage": {"numerator": 100}}}`)
		start := time.Now()
		if v, info := serve(f, filtertest.New("GET", "/"), nil); v != filter.Continue || time.Since(start) != 2*time.Second || info.Flags != router.DelayInjected {
			t.Errorf("after %v: %s", time.Since(start), info.Flags)
		}
		d := filtertest.New("GET", "/")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		d.Ctx = ctx
		start = time.Now()
		if v, _ := serve(f, d, nil); v != filter.Stop || time.Since(start) != time.Second || !d.WasReset {
			t.Errorf("after %v", time.Since(start))
		}
	})
}

func TestFaultsAreBounded(t *testing.T) {
	f := compile(t, `{"abort": {"http_status": 500, "percentage": {"numerator": 100}}, "max_active_faults": 0}`)
	if v, _ := serve(f, filtertest.New("GET", "/"), nil); v != filter.Continue {
		t.Error("max_active_faults of 0 injected one")
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"response_rate_limit": {"fixed_limit": {"limit_kbps": 1}, "percentage": {}}}`, `{"downstream_nodes": ["n"]}`,
		`{"delay": {"header_delay": {}, "percentage": {}}}`, `{"abort": {"http_status": 99, "percentage": {}}}`, `{"abort": {}}`,
	} {
		if _, err := (fault.Kind{}).Compile(encode(t, text)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}
