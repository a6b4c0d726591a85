package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millrace/millrace/proxy/router"
)

const (
	fileType   = `"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"`
	stdoutType = `"@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"`
	stderrType = `"@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog"`
)

func configs(t testing.TB, texts ...string) []*accesslogv3.AccessLog {
	t.Helper()
	var all []*accesslogv3.AccessLog
	for _, text := range texts {
		c := new(accesslogv3.AccessLog)
		if err := protojson.Unmarshal([]byte(text), c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestAFileGetsTheLinesOfAllLogsThatNameIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	sinks := NewSinks(Options{})
	cs := configs(t, `{"typed_config": {`+fileType+`, "path": "`+path+`", "log_format": {"text_format_source": {"inline_string": "%RESPONSE_CODE%\n"}}}}`)
	first, err := sinks.New(cs)
	if err != nil {
		t.Fatal(err)
	}
	second, err := sinks.New(cs)
	if err != nil {
		t.Fatal(err)
	}
	first.Write(request())
	first.Close()
	first.Close()
	second.Write(request())
	second.Close()
	second.Write(request()) // after its end: dropped
	if got, err := os.ReadFile(path); string(got) != "200\n200\n" {
		t.Errorf("%q, %v", got, err)
	}
	if written, dropped := sinks.Counts(); written != 2 || dropped != 1 {
		t.Errorf("written %d, dropped %d", written, dropped)
	}
	if err := sinks.Close(); err != nil {
		t.Error(err)
	}
}

func TestStandardStreamsAndEveryFormOfAFormatAreTaken(t *testing.T) {
	var out, errs bytes.Buffer
	sinks := NewSinks(Options{Stdout: &out, Stderr: &errs})
	l, err := sinks.New(configs(t,
		`{"typed_config": {`+stdoutType+`}}`,
		`{"typed_config": {`+stdoutType+`, "log_format": {"json_format": {"code": "%RESPONSE_CODE%"}}}}`,
		`{"typed_config": {`+fileType+`, "path": "/dev/stdout", "format": "%REQ(NONE)%.\n"}}`,
		`{"typed_config": {`+fileType+`, "path": "/dev/stdout", "typed_json_format": {"a": "%RESP(X)%"}}}`,
		`{"typed_config": {`+stderrType+`, "log_format": {"text_format": "%REQ(NONE)%.\n", "omit_empty_values": true}}}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	if !l.Needs().Response || l.Needs().Trailers {
		t.Error(l.Needs())
	}
	l.Write(request())
	l.Close()
	if got, want := out.String(), line(t, Default, request())+"{\"code\":200}\n-.\n{\"a\":null}\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if errs.String() != ".\n" {
		t.Errorf("%q", errs.String())
	}
}

func TestNoAccessLogCostsNothing(t *testing.T) {
	l, err := NewSinks(Options{}).New(nil)
	if l != nil || err != nil {
		t.Fatal(l, err)
	}
	l.Write(request())
	if l.Needs() != (Needs{}) {
		t.Error(l.Needs())
	}
	l.Close()
}

func TestWhatIsNotSupportedIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{"typed_config": {"@type": "type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig"}}`: "access_log[0].typed_config.type envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig: not supported; use FileAccessLog, StdoutAccessLog or StderrAccessLog",
		`{"typed_config": {` + fileType + `}}`:                                                                       "access_log[0]: typed_config: path: empty",
		`{"typed_config": {` + stdoutType + `}, "filter": {"runtime_filter": {"runtime_key": "a"}}}`:                 "access_log[0].filter.runtime_filter: not supported; use status_code_filter, duration_filter, response_flag_filter, and_filter or or_filter",
		`{"typed_config": {` + stdoutType + `}, "filter": {"or_filter": {"filters": [{"status_code_filter": {}}]}}}`: "access_log[0]: filter: filters[0]: comparison: missing",
		`{"typed_config": {` + stdoutType + `, "log_format": {"text_format_source": {"filename": "a"}}}}`:            "access_log[0].typed_config.log_format.text_format_source: not supported; use inline_string",
		`{"typed_config": {` + stdoutType + `, "log_format": {"text_format": "%X%"}}}`:                               "access_log[0]: typed_config: access log format, at character 1: unknown operator %X%",
		`{"typed_config": {` + stdoutType + `, "log_format": {}}}`:                                                   "access_log[0]: typed_config: log_format: set text_format_source or json_format",
	} {
		if err := Check(configs(t, text)); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestAFileThatCannotBeOpenedIsAnError(t *testing.T) {
	sinks := NewSinks(Options{Stdout: io.Discard})
	_, err := sinks.New(configs(t, `{"typed_config": {`+stdoutType+`}}`, `{"typed_config": {`+fileType+`, "path": "/nowhere/at/all"}}`))
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := sinks.Close(); err != nil {
		t.Error(err)
	}
	if _, err := sinks.New(configs(t, `{"typed_config": {`+stdoutType+`}}`)); err == nil {
		t.Error("a closed owner opened a sink")
	}
}

// gate is a writer that waits until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	got  strings.Builder
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got.Write(b)
}

func TestASlowSinkDropsLinesAndNeverDelaysARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		sinks := NewSinks(Options{Stdout: g, Buffer: 10})
		l, err := sinks.New(configs(t, `{"typed_config": {`+stdoutType+`, "log_format": {"text_format": "%RESPONSE_CODE%\n"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 3 { // two fit
			l.Write(request())
		}
		time.Sleep(20 * time.Millisecond) // the fake clock's: the writer takes them and hangs
		synctest.Wait()
		for range 3 {
			l.Write(request())
		}
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("the writes took %s", took-20*time.Millisecond)
		}
		if written, dropped := sinks.Counts(); written != 0 || dropped != 2 {
			t.Errorf("written %d, dropped %d", written, dropped)
		}
		close(g.open)
		l.Close()
		if g.got.String() != "200\n200\n200\n200\n" {
			t.Errorf("%q", g.got.String())
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestLinesThatCouldNotBeWrittenAreCounted(t *testing.T) {
	sinks := NewSinks(Options{Stdout: broken{}})
	l, err := sinks.New(configs(t, `{"typed_config": {`+stdoutType+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	l.Write(request())
	l.Write(request())
	if err := sinks.Close(); err != nil {
		t.Error(err)
	}
	l.Close()
	if written, dropped := sinks.Counts(); written != 0 || dropped != 2 {
		t.Errorf("written %d, dropped %d", written, dropped)
	}
}

func TestAFilterChoosesTheRequests(t *testing.T) {
	failed := request()
	failed.Info.Status, failed.Info.Flags, failed.Info.Done = 503, router.NoHealthyUpstream, 2*time.Second
	const errorsOnly = `"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "x"}}}`
	for name, c := range map[string]struct {
		filter   string
		ok, fail bool
	}{
		"errors only":        {`{` + errorsOnly + `}`, false, true},
		"status 200":         {`{"status_code_filter": {"comparison": {"value": {"default_value": 200, "runtime_key": "x"}}}}`, true, false},
		"not status 200":     {`{"status_code_filter": {"comparison": {"op": "NE", "value": {"default_value": 200, "runtime_key": "x"}}}}`, false, true},
		"fast ones":          {`{"duration_filter": {"comparison": {"op": "LE", "value": {"default_value": 100, "runtime_key": "x"}}}}`, true, false},
		"any flag":           {`{"response_flag_filter": {}}`, false, true},
		"one flag":           {`{"response_flag_filter": {"flags": ["UH", "NR"]}}`, false, true},
		"another flag":       {`{"response_flag_filter": {"flags": ["NR"]}}`, false, false},
		"errors with a flag": {`{"and_filter": {"filters": [{` + errorsOnly + `}, {"response_flag_filter": {"flags": ["NR"]}}]}}`, false, false},
		"errors or a flag":   {`{"or_filter": {"filters": [{"response_flag_filter": {"flags": ["NR"]}}, {` + errorsOnly + `}]}}`, false, true},
	} {
		var out bytes.Buffer
		l, err := NewSinks(Options{Stdout: &out}).New(configs(t, `{"filter": `+c.filter+`, "typed_config": {`+stdoutType+`, "log_format": {"text_format": "%RESPONSE_CODE% "}}}`))
		if err != nil {
			t.Fatal(err)
		}
		l.Write(request())
		l.Write(failed)
		l.Write(new(Entry))
		l.Close()
		if got := out.String(); c.ok != strings.Contains(got, "200") || c.fail != strings.Contains(got, "503") {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	var out bytes.Buffer
	l, err := NewSinks(Options{Stdout: &out, Delay: time.Microsecond}).New(configs(t, `{"typed_config": {`+stdoutType+`, "log_format": {"text_format": "%RESPONSE_CODE%\n"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			e := request()
			for j := range 500 {
				e.Info.Status = 100 + (i*500+j)%500
				l.Write(e)
			}
		})
	}
	all.Wait()
	l.Close()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	counts := map[string]int{}
	for _, s := range lines {
		counts[s]++
	}
	for code := 100; code < 600; code++ {
		if n := counts[fmt.Sprint(code)]; n != 8 {
			t.Fatalf("%d lines of %d", n, code)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	sinks := NewSinks(Options{Stdout: io.Discard, Buffer: 1 << 20})
	l, err := sinks.New(configs(b, `{"typed_config": {`+stdoutType+`}}`))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		e := request()
		for p.Next() {
			l.Write(e)
		}
	})
}
