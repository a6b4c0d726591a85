package resources

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/api/algebra"
	"github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/frontend/golden"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/directory"
	"github.com/millrace/millrace/xds/source/store"
)

// state prints resources in the order of their types and names, a line each.
func state(s server.State) string {
	var b strings.Builder
	for _, typeURL := range slices.Sorted(maps.Keys(s)) {
		for _, name := range slices.Sorted(maps.Keys(s[typeURL])) {
			fmt.Fprintf(&b, "%s %s%s\n", typeURL[strings.LastIndexByte(typeURL, '.')+1:], name, shown(s[typeURL][name]))
		}
	}
	return b.String()
}

func shown(m proto.Message) string {
	switch m := m.(type) {
	case *clusterv3.Cluster:
		text := " " + m.GetType().String()
		if m.GetTypedExtensionProtocolOptions() != nil {
			text += " http2"
		}
		if t := m.GetTransportSocket(); t != nil {
			ctx := &tlsv3.UpstreamTlsContext{}
			if err := t.GetTypedConfig().UnmarshalTo(ctx); err != nil {
				return err.Error()
			}
			text += " tls for " + ctx.GetSni()
			if ca := ctx.GetCommonTlsContext().GetValidationContext().GetTrustedCa().GetFilename(); ca != "" {
				text += " by " + ca
			}
		}
		if a := m.GetLoadAssignment(); a != nil {
			text += shown(a)
		}
		return text
	case *endpoint.ClusterLoadAssignment:
		text := ""
		for _, l := range m.GetEndpoints() {
			for _, e := range l.GetLbEndpoints() {
				at := e.GetEndpoint().GetAddress().GetSocketAddress()
				text += fmt.Sprintf(" %s:%d", at.GetAddress(), at.GetPortValue())
			}
		}
		return text
	case *graphv1.Model:
		text := " is " + m.GetRemoteName()
		for _, t := range m.GetTransports() {
			text += fmt.Sprintf(" over %s by %s", t.GetCluster(), strings.TrimPrefix(t.GetDialect().String(), "DIALECT_"))
			if t.GetPath() != "" {
				text += " at " + t.GetPath()
			}
			if t.GetAuthority() != "" {
				text += " as " + t.GetAuthority()
			}
		}
		if m.GetAskable() {
			text += " askable"
		}
		return text
	case *graphv1.InferenceGraph:
		text := " from " + m.GetOrigin()
		if m.GetAskable() {
			text += " askable"
		}
		return text
	}
	return ""
}

func samples(t *testing.T) map[string][]byte {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "deploy", "samples")
	contents, err := directory.Read([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for name, text := range contents {
		out["samples/"+filepath.Base(name)] = text
	}
	return out
}

// running gives each place that is started here two replicas.
func running(s *store.Snapshot) map[string][]Address {
	out := map[string][]Address{}
	port := uint16(20000)
	local := netip.MustParseAddr("127.0.0.1")
	for _, r := range s.Runs() {
		for range 2 {
			out[r.Place] = append(out[r.Place], Address{REST: netip.AddrPortFrom(local, port), GRPC: netip.AddrPortFrom(local, port+1)})
			port += 2
		}
	}
	return out
}

func TestTheSamplesBecomeTheseResources(t *testing.T) {
	snap := store.New(store.Options{Askable: true, Local: true}).Load(samples(t))
	for _, d := range snap.Found {
		t.Error(snap.Render(d))
	}
	b := &Builder{Listen: netip.MustParseAddrPort("127.0.0.1:8080")}
	got := b.Build(snap, running(snap))
	golden.Compare(t, "testdata/samples.golden", state(got))
	for name, m := range got[ModelType] {
		if found := algebra.CheckModel(m.(*graphv1.Model)); len(found) > 0 {
			t.Errorf("model %s would be refused: %v", name, found)
		}
	}
	for name, m := range got[GraphType] {
		if _, found := algebra.DecodeGraph(m.(*graphv1.InferenceGraph)); len(found) > 0 {
			t.Errorf("graph %s would be refused: %v", name, found)
		}
	}
	other := (&Builder{Listen: b.Listen}).Build(store.New(store.Options{Askable: true, Local: true}).Load(samples(t)), running(snap))
	for typeURL, all := range got {
		for name, m := range all {
			if !proto.Equal(m, other[typeURL][name]) {
				t.Errorf("%s %s comes out differently a second time", typeURL, name)
			}
		}
	}
}

func TestWhatDidNotChangeIsTheVerySameMessage(t *testing.T) {
	files := samples(t)
	s := store.New(store.Options{Askable: true, Local: true})
	b := &Builder{Listen: netip.MustParseAddrPort("127.0.0.1:8080")}
	snap := s.Load(files)
	first := b.Build(snap, running(snap))
	again := b.Build(snap, running(snap))
	if got := differing(first, again); len(got) > 0 {
		t.Errorf("nothing changed, and these are new: %v", got)
	}
	edited := map[string][]byte{}
	maps.Copy(edited, files)
	edited["samples/triage.yaml"] = []byte(strings.Replace(string(files["samples/triage.yaml"]), "weight: 90", "weight: 80", 1))
	snap = s.Load(edited)
	if got := differing(first, b.Build(snap, running(snap))); !slices.Equal(got, []string{"default/mood"}) {
		t.Errorf("one graph changed, and these are new: %v", got)
	}
}

func TestAReplicaThatComesChangesItsEndpointsAlone(t *testing.T) {
	s := store.New(store.Options{Askable: true, Local: true})
	b := &Builder{}
	snap := s.Load(samples(t))
	run := running(snap)
	first := b.Build(snap, run)
	run["readability"] = run["readability"][:1]
	if got := differing(first, b.Build(snap, run)); !slices.Equal(got, []string{"default/readability/rest"}) {
		t.Errorf("these are new: %v", got)
	}
}

func differing(a, b server.State) []string {
	var out []string
	for typeURL, all := range a {
		for name, m := range all {
			if b[typeURL][name] != m {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Each file of testdata is a set of objects, and the resources that they become.
func TestServersBecomeClusters(t *testing.T) {
	golden.Files(t, "*.yaml", func(t *testing.T, file string, src []byte) string {
		snap := store.New(store.Options{}).Load(map[string][]byte{file: src})
		return golden.Found(snap.Found, src) + state((&Builder{}).Build(snap, nil))
	})
}

func TestABindingFileSaysWhereServersAre(t *testing.T) {
	src, err := os.ReadFile("testdata/addresses.yaml")
	if err != nil {
		t.Fatal(err)
	}
	binding := "plain: {urls: [\"http://10.0.0.9:1/prefix\"]}\nv2: {server: plain}\n"
	snap := store.New(store.Options{}).Load(map[string][]byte{"a.yaml": src, "millrace.local.yaml": []byte(binding)})
	got := (&Builder{}).Build(snap, nil)
	if m := shown(got[ModelType]["default/plain-model"]); m != " is plain-model over default/plain/rest by PLAIN at /prefix/score" {
		t.Error(m)
	}
	if m := shown(got[ModelType]["default/v2-model"]); m != " is inner over default/plain/rest by OPEN_INFERENCE_REST at /prefix askable" {
		t.Error(m)
	}
	if a := shown(got[assignmentType]["default/plain/rest"]); a != " 10.0.0.9:1" {
		t.Error(a)
	}
}

// BenchmarkOneEditOfAThousand is all of the control plane's work between a file that was read and resources to serve.
func BenchmarkOneEditOfAThousand(b *testing.B) {
	const head = "apiVersion: millrace.io/v1alpha1\nkind: "
	models := head + "Server\nmetadata: {name: s}\nspec: {protocol: oip, urls: [\"http://127.0.0.1:9002\"]}\n"
	for i := range 50 {
		models += fmt.Sprintf("---\n%sModel\nmetadata: {name: m%d}\nspec: {server: s}\n", head, i)
	}
	graph := func(i, weight int) []byte {
		return fmt.Appendf(nil, "%sInferenceGraph\nmetadata: {name: g%d}\nspec:\n  graph: {split: {x: {weight: %d, to: m%d}, y: {weight: 10, to: m1 + m2}}}\n", head, i, weight, i%50)
	}
	files := map[string][]byte{"models.yaml": []byte(models)}
	for i := range 1000 {
		files[fmt.Sprintf("g%d.yaml", i)] = graph(i, 90)
	}
	s, builder := store.New(store.Options{Askable: true}), &Builder{Listen: netip.MustParseAddrPort("127.0.0.1:8080")}
	if snap := s.Load(files); snap.Failed() {
		b.Fatal(snap.Found[0])
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		files["g500.yaml"] = graph(500, n%50+1)
		if got := len(builder.Build(s.Load(files), nil)[GraphType]); got != 1000 {
			b.Fatal(got)
		}
	}
}
