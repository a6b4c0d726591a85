package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/cmd/millrace/local"
	"github.com/millrace/millrace/proxy"
	"github.com/millrace/millrace/proxy/bootstrap"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/pipeline"
)

const group = "bench"

// BenchmarkSaveToServe measures the time from saving one file to the first answer by the new configuration, with n graphs
// loaded: watcher, front ends, checks, control plane, ADS over a socket, compile and swap, and one question over HTTP.
func BenchmarkSaveToServe(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("graphs=%d", n), func(b *testing.B) { saveToServe(b, n) })
	}
}

func saveToServe(b *testing.B, graphs int) {
	dir := b.TempDir()
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"who": "model"}`)
	}))
	b.Cleanup(model.Close)
	write(b, dir, "model.yaml", fmt.Sprintf(`
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: m}
spec: {protocol: plain, urls: [%s], path: /, inputs: {text: string}, outputs: {who: string}}
`, model.URL))
	for i := range graphs {
		write(b, dir, fmt.Sprintf("g%d.yaml", i), graph(i, 0))
	}
	url := serve(b, dir)
	await(b, url+"/ask/g0?full=1", "model")
	var times []time.Duration
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		saved := time.Now()
		write(b, dir, "g0.yaml", graph(0, i))
		await(b, url+"/ask/g0?full=1", fmt.Sprintf("v%d", i))
		times = append(times, time.Since(saved))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(times[len(times)*9/10].Microseconds())/1000, "ms/p90")
}

// graph is a graph whose answer tells its version; version 0 asks the model.
func graph(i, version int) string {
	body := "m"
	if version > 0 {
		body = fmt.Sprintf("{answer: {who: v%d}}", version)
	}
	return fmt.Sprintf(`apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: g%d}
spec:
  inputs: {text: string}
  graph: {split: {a: {weight: 100, to: %s}, b: {weight: 0, to: m}}}
`, i, body)
}

func write(b *testing.B, dir, name, text string) {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}

func await(b *testing.B, url, want string) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		resp, err := http.Post(url, "application/json", strings.NewReader(`{"text": "x"}`))
		if err == nil {
			got, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode == 200 && strings.Contains(string(got), `"`+want+`"`) {
				return
			}
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s does not answer %s", url, want)
		}
	}
}

// serve runs a control plane on dir and a proxy that it configures, and returns the proxy's URL.
func serve(b *testing.B, dir string) string {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := server.New()
	go func() { _ = s.Serve(lis) }()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	line := pipeline.New(pipeline.Options{
		Files: pipeline.Files{Paths: []string{dir}}, Askable: true, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Server: s, Group: group,
	})
	go func() { done <- line.Run(ctx) }()
	text, err := local.Bootstrap(netip.MustParseAddrPort("127.0.0.1:0"), lis.Addr().(*net.TCPAddr).AddrPort(), group)
	if err != nil {
		b.Fatal(err)
	}
	boot, err := bootstrap.Parse("bootstrap.json", text)
	if err != nil {
		b.Fatal(err)
	}
	p, err := proxy.Start(ctx, boot, proxy.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		p.Close()
		cancel()
		<-done
		s.Stop()
	})
	<-p.Ready()
	return "http://" + p.ListenAddresses()[0]
}
