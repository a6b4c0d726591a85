package resources

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/api/algebra"
	"github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/store"
)

// Type URLs of our own resources.
const (
	ModelType = "type.googleapis.com/millrace.graph.v1.Model"
	GraphType = "type.googleapis.com/millrace.graph.v1.InferenceGraph"
)

// Address is one endpoint of a place; an empty host means that it does not have that transport.
type Address struct {
	REST, GRPC netip.AddrPort
}

// Builder keeps what it built, to give the same messages for the same objects. It is not safe for concurrent use.
type Builder struct {
	// Listen is where the proxies of the group listen; a nil value leaves the listener out.
	Listen netip.AddrPort
	graphs map[*frontend.Graph]*graphv1.InferenceGraph
	// kept has what was built last, next what is being built.
	kept, next map[string]proto.Message
}

// Build returns everything that the group's nodes are to have. running has, by place, the addresses of servers that were
// started here and are ready.
func (b *Builder) Build(snap *store.Snapshot, running map[string][]Address) server.State {
	state := server.State{}
	b.next = make(map[string]proto.Message, len(b.kept))
	put := func(typeURL, name string, m proto.Message) {
		if state[typeURL] == nil {
			state[typeURL] = map[string]proto.Message{}
		}
		state[typeURL][name] = m
	}
	clusters := map[string]*cluster{}
	for _, m := range snap.Models {
		srv := snap.Server(m.Namespace, m.Server)
		if srv == nil {
			continue
		}
		msg := b.model(snap, m, srv, clusters)
		put(ModelType, msg.GetName(), b.keep(msg))
	}
	graphs := map[*frontend.Graph]*graphv1.InferenceGraph{}
	for _, g := range snap.Graphs {
		msg := b.graphs[g]
		if msg == nil {
			msg = algebra.EncodeGraph(g.Graph, g.Address)
		}
		graphs[g] = msg
		put(GraphType, msg.GetName(), msg)
	}
	b.graphs = graphs
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		c := clusters[name]
		put(clusterType, name, b.keep(c.resource()))
		if !c.dns {
			put(assignmentType, name, b.keep(c.assignment(running[c.place])))
		}
	}
	for typeURL, m := range b.listener() {
		put(typeURL, listenerName, m)
	}
	b.kept, b.next = b.next, nil
	return state
}

// keep returns an equal message that was built before, so that it is the very same.
func (b *Builder) keep(m proto.Message) proto.Message {
	key := string(m.ProtoReflect().Descriptor().FullName()) + " " + nameOf(m)
	if old := b.kept[key]; old != nil && proto.Equal(old, m) {
		m = old
	}
	b.next[key] = m
	return m
}

func nameOf(m proto.Message) string {
	switch m := m.(type) {
	case interface{ GetName() string }:
		return m.GetName()
	case *endpoint.ClusterLoadAssignment:
		return m.GetClusterName()
	}
	return ""
}

// model builds the message of m and the clusters that it needs.
func (b *Builder) model(snap *store.Snapshot, m *frontend.Model, srv *frontend.Server, clusters map[string]*cluster) *graphv1.Model {
	protocol := srv.Protocol
	if m.Opaque {
		protocol = frontend.Opaque
	}
	place := snap.Place(srv)
	var transports []*graphv1.Transport
	for _, t := range []frontend.Transport{frontend.REST, frontend.GRPC} {
		dialect, ok := protocol.Dialect(t)
		if !ok || !offers(snap, srv, place, t) {
			continue
		}
		name := srv.Namespace + "/" + place + suffix(t)
		if clusters[name] == nil {
			clusters[name] = newCluster(name, place, t, srv)
		}
		transports = append(transports, &graphv1.Transport{
			Cluster: name, Dialect: algebra.EncodeDialect(dialect), Path: path(m, srv), Authority: clusters[name].authority, BinaryTensors: srv.Binary,
		})
	}
	msg := &graphv1.Model{
		Name: m.Namespace + "/" + m.Name, Transports: transports, RemoteName: m.Remote, RemoteVersion: m.Version,
		Contract: algebra.EncodeContract(m.Contract, m.Positions), Askable: store.Askable(snap, m), Pure: m.Pure,
		Idempotence: cmp.Or(m.Idempotence, srv.Idempotence), Headers: slices.Concat(srv.Headers, m.Headers),
		Position: algebra.EncodePosition(m.Pos),
	}
	if t := cmp.Or(m.Timeout, srv.Timeout); t > 0 {
		msg.Timeout = algebra.EncodeDuration(t)
	}
	return msg
}

func suffix(t frontend.Transport) string {
	if t == frontend.GRPC {
		return "/grpc"
	}
	return "/rest"
}

// path returns where a model is called: for plain and opaque its own path behind the server's prefix, for others the prefix
// before the protocol's.
func path(m *frontend.Model, srv *frontend.Server) string {
	if m.Path != "" {
		return srv.Prefix + m.Path
	}
	if !m.Opaque {
		return srv.Prefix
	}
	switch srv.Protocol {
	case frontend.KServeV1:
		return srv.Prefix + "/v1/models/" + m.Remote + ":predict"
	case frontend.OpenInference:
		return srv.Prefix + "/v2/models/" + m.Remote + "/infer"
	}
	return "/"
}

// offers tells whether the server has the transport: by its URLs, or by the port placeholders of its command.
func offers(snap *store.Snapshot, srv *frontend.Server, place string, t frontend.Transport) bool {
	if len(srv.URLs) > 0 {
		return slices.ContainsFunc(srv.URLs, func(u frontend.URL) bool { return u.Transport == t })
	}
	run := snap.RunAt(srv, place)
	if run == nil || run.Python != "" {
		return true
	}
	want := "{port}"
	if t == frontend.GRPC {
		want = "{grpc_port}"
	}
	for _, a := range run.Command {
		if strings.Contains(a, want) {
			return true
		}
	}
	for _, v := range run.Env {
		if strings.Contains(v, want) {
			return true
		}
	}
	return t == frontend.REST && len(run.Ports) > 0
}
