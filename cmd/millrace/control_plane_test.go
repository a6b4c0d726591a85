package main

import (
	"context"
	"strings"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
)

func TestTheControlPlaneServesAFolderUntilItIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines, log := newTeller(), newTeller()
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, streams{out: lines, err: log}, []string{"control-plane", samples, "--xds", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--node-group", "g"})
	}()
	at := strings.TrimPrefix(lines.await(t, "serving xDS on "), "serving xDS on ")
	lines.await(t, "v1: 7 models, 9 graphs")
	conn, err := client.DialTarget(client.Target{Address: at})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := make(chan client.Update, 10)
	c := client.New(conn, &core.Node{Id: "n1", Cluster: "g"}, client.HandlerFunc(func(u client.Update) []client.ResourceError {
		got <- u
		return []client.ResourceError{{Name: u.Resources[0].Name, Code: "MR300", Message: "not today"}}
	}))
	c.Subscribe(server.GraphType, client.Wildcard)
	if u := <-got; len(u.Resources) != 9 {
		t.Errorf("%d graphs came", len(u.Resources))
	}
	log.await(t, "msg=connected node=n1 group=g")
	if got := log.await(t, "msg=refused"); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "node=n1 group=g type=millrace.graph.v1.InferenceGraph") || !strings.Contains(got, "MR300 not today") {
		t.Errorf("it logs %s", got)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("it ended with %d", code)
	}
	c.Close()
}

func TestATakenPortIsNamedWithItsOwner(t *testing.T) {
	lis := busy(t)
	r := run(t, "", false, "control-plane", samples, "--xds", lis)
	if r.code != 1 || !strings.Contains(r.err, "listen on "+lis+": the port is taken by pid ") || !strings.Contains(r.err, "choose another with --xds") {
		t.Errorf("%+v", r)
	}
}

func TestAMissingFolderEndsTheControlPlane(t *testing.T) {
	r := run(t, "", false, "control-plane", "no-such-folder", "--xds", "127.0.0.1:0")
	if r.code != 1 || !strings.Contains(r.err, "millrace: control-plane: read no-such-folder: no such file or directory") {
		t.Errorf("%+v", r)
	}
}
