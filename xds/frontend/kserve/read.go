package kserve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	pb "github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/own"
)

// Group and Kind say which objects the package reads.
const (
	Group = "serving.kserve.io"
	Kind  = "InferenceGraph"
	// Version is the version of the API that is read.
	Version = Group + "/v1alpha1"
)

// maxParts bounds what nodes that share nodes may unfold to.
const maxParts = 4096

// reader holds one graph and what is wrong with it.
type reader struct {
	doc     *document.Document
	found   []diagnostic.Diagnostic
	objects frontend.Objects
	nodes   document.Map
	timeout time.Duration
	path    []string // the nodes being lowered
	parts   int
	known   map[string]bool // nodes that were lowered, and models that were declared
	hard    map[string]bool // nodes that end with a step's failure
}

// Read turns a KServe InferenceGraph into one graph and a server and model for each service that it calls.
func Read(doc *document.Document) (*frontend.Objects, []diagnostic.Diagnostic) {
	r := &reader{doc: doc, known: map[string]bool{}, hard: map[string]bool{}}
	body := doc.Body(&r.found, "InferenceGraph "+doc.Name)
	spec := body.Required("spec", "the graph's nodes").Map()
	body.Ignore("status")
	body.Done()
	spec.Ignore("resources", "affinity", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "tolerations", "nodeSelector", "nodeName", "serviceAccountName", "timeout")
	if t := spec.Get("routerTimeouts"); t.Present() {
		tm := t.Map()
		r.timeout = time.Duration(tm.Get("serviceClient").Int(0, 86400)) * time.Second
		tm.Foreign()
	}
	r.nodes = spec.Required("nodes", "a mapping with the node `root`").Map()
	spec.Foreign()
	if r.nodes.Present() && !r.nodes.Has("root") {
		r.nodes.Required("root", "the node where requests enter")
	}
	g := &ast.Graph{Namespace: doc.Namespace, Name: doc.Name, Rules: ast.KServe, Origin: "KServe InferenceGraph", Pos: doc.Pos}
	if r.nodes.Has("root") {
		g.Root = r.node("root")
	}
	// Nodes that no step calls are read for what is wrong in them, and left out.
	declared := r.objects
	for _, n := range r.nodes.Keys() {
		if !r.known["node "+n] {
			r.node(n)
		}
	}
	r.objects = declared
	if diagnostic.Fatal(r.found) {
		return nil, r.found
	}
	r.objects.Graphs = append(r.objects.Graphs, &frontend.Graph{Graph: g, Address: &pb.Address{World: &pb.Address_Kserve{
		Kserve: &pb.KServeAddress{Namespace: doc.Namespace, Name: doc.Name},
	}}})
	return &r.objects, r.found
}

// node lowers the node of that name, as a scope: `$request` in its steps is what enters it.
func (r *reader) node(name string) ast.Part {
	v := r.nodes.Get(name)
	r.known["node "+name] = true
	if !v.Present() {
		v.Refuse(document.CodeMissing, "give it a routerType and steps", "node %s is empty", name)
		return &ast.Pass{}
	}
	if slices.Contains(r.path, name) {
		v.Refuse(document.CodeValue, "break the cycle", "the nodes call each other in a cycle: %s", strings.Join(append(r.path, name), " → "))
		return &ast.Pass{}
	}
	if r.parts++; r.parts > maxParts {
		if r.parts > maxParts+1 {
			return &ast.Pass{} // said once is enough
		}
		v.Refuse(document.CodeValue, "call shared nodes from fewer places", "the graph unfolds to more than %d parts", maxParts)
		return &ast.Pass{}
	}
	r.path = append(r.path, name)
	defer func() { r.path = r.path[:len(r.path)-1] }()
	m := v.Map()
	kind := m.Required("routerType", "Sequence, Splitter, Ensemble or Switch")
	steps := m.Get("steps").List()
	m.Foreign()
	names := map[string]bool{}
	var lowered []step
	for i, s := range steps {
		st := r.step(name, i, s, kind.String(), i == len(steps)-1)
		if names[st.name] {
			s.Refuse(document.CodeTwice, "give each step its own name", "two steps of node %s are called %q", name, st.name)
		}
		names[st.name] = true
		lowered = append(lowered, st)
	}
	if len(lowered) == 0 && m.Present() {
		v.Refuse(document.CodeMissing, "add `steps:`", "node %s has no steps", name)
		return &ast.Pass{}
	}
	var p ast.Part
	switch kind.String() {
	case "Sequence":
		p = sequence(lowered)
	case "Splitter":
		p = splitter(v, lowered)
	case "Switch":
		p = switching(lowered, len(r.path) == 1)
	case "Ensemble":
		p = ensemble(lowered)
	default:
		if kind.Present() {
			kind.Refuse(document.CodeValue, contract.Suggest(kind.String(), []string{"Sequence", "Splitter", "Ensemble", "Switch"}), "there is no routerType %q", kind.String())
		}
		return &ast.Pass{}
	}
	if p.Base().Pos = v.Pos(); p.Base().Label == "" {
		p.Base().Label = name
	}
	scope := &ast.Scope{Part: p}
	scope.Label, scope.Pos = name, v.Pos()
	return scope
}

// nested notes what a nested node's Hard failure does to the node that calls it. In KServe such a failure is an answer with
// a status for the caller, whose own step is Soft; goesOn tells whether the caller would use it as a value, which is not
// understood yet.
func (r *reader) nested(node string, nodeName document.Value, goesOn bool) {
	if !r.hard[nodeName.String()] {
		return
	}
	r.hard[node] = true
	if goesOn {
		nodeName.Refuse(document.CodeForeign, "make the steps of node "+nodeName.String()+" Soft, or call it last", "going on after the failure of a Hard step in a nested node is not understood yet")
	}
}

// step is one step of a node.
type step struct {
	name      string // its own, or its index
	part      ast.Part
	response  bool // it takes the previous reply
	condition *ast.Condition
	weight    document.Value
	pos       ast.Position
	value     document.Value
}

func (r *reader) step(node string, i int, v document.Value, kind string, last bool) step {
	m := v.Map()
	s := step{name: m.Get("name").String(), weight: m.Get("weight"), pos: v.Pos(), value: v}
	if s.name == "" {
		s.name = strconv.Itoa(i)
	}
	label := s.name
	if strings.ContainsAny(label, "/ ") {
		m.Get("name").Refuse(document.CodeValue, "a name has letters, digits, dashes and dots", "%q cannot be the name of a step", label)
	}
	if c := m.Get("condition"); c.Present() {
		if kind == "Sequence" && i == 0 {
			c.Refuse(document.CodeValue, "move it to the second step, or use a Switch", "a condition on the first step of a Sequence looks at a reply that is not there yet")
		}
		if kind == "Sequence" || kind == "Switch" {
			s.condition = &ast.Condition{Language: ast.GJSON, Text: c.String(), Pos: c.Pos()}
		}
	} else if kind == "Switch" {
		v.Refuse(document.CodeMissing, "add `condition:`; \"@this\" matches always", "step %s of Switch %s can never be taken without a condition", label, node)
	}
	s.response = m.Get("data").String() == "$response" && i > 0
	hard := false
	switch d := m.Get("dependency"); d.String() {
	case "", "Soft":
	case "Hard":
		hard = true
	default:
		d.Refuse(document.CodeValue, "it is Soft or Hard", "dependency cannot be %q", d.String())
	}
	if p := m.Get("mapPredictionsToInstances"); p.Present() && p.Bool() {
		p.Refuse(document.CodeForeign, "use a Millrace InferenceGraph, whose contracts bind replies to requests", "mapPredictionsToInstances is not understood yet")
	}
	nodeName, serviceName, serviceURL := m.Get("nodeName"), m.Get("serviceName"), m.Get("serviceUrl")
	m.Foreign()
	targets := 0
	for _, t := range []document.Value{nodeName, serviceName, serviceURL} {
		if t.Present() {
			targets++
		}
	}
	if targets != 1 {
		v.Refuse(document.CodeValue, "give one of nodeName, serviceName and serviceUrl", "step %s of node %s has %d targets", label, node, targets)
		s.part = &ast.Pass{}
		return s
	}
	switch {
	case nodeName.Present():
		if hard {
			v.Refuse(document.CodeForeign, "put `dependency: Hard` on the steps of the nested node", "dependency Hard on a nested node is not understood yet")
		}
		s.part = &ast.Pass{}
		if !r.nodes.Has(nodeName.String()) {
			nodeName.Refuse(document.CodeReference, contract.Suggest(nodeName.String(), r.nodes.Keys()), "there is no node %q", nodeName.String())
		} else {
			s.part = r.node(nodeName.String())
			r.nested(node, nodeName, kind == "Ensemble" || kind == "Sequence" && !last)
		}
	default:
		// A Splitter and a Switch hand on what a step answers, whatever its status.
		soft := !hard || kind == "Splitter" || kind == "Switch"
		r.hard[node] = r.hard[node] || !soft
		s.part = r.service(node, label, serviceName, serviceURL, soft, v)
	}
	s.part.Base().Label = label
	return s
}

// service declares what a step calls and returns the call.
func (r *reader) service(node, label string, serviceName, serviceURL document.Value, soft bool, v document.Value) ast.Part {
	name := fmt.Sprintf("%s.%s.%s", r.doc.Name, node, label)
	c := &ast.Call{Model: name, Method: message.Predict, Tolerate: soft, As: label}
	c.Pos = v.Pos()
	c.Policies.Timeout = r.timeout
	if r.known["model "+name] {
		return c // a node that several steps call
	}
	r.known["model "+name] = true
	m := &frontend.Model{Namespace: r.doc.Namespace, Name: name, Remote: name, Pos: v.Pos(), Askable: new(bool)}
	if serviceName.Present() {
		m.Server, m.Remote = serviceName.String(), serviceName.String()
	} else {
		u, ok := own.URL(serviceURL)
		if ok && u.Transport == frontend.GRPC {
			serviceURL.Refuse(document.CodeForeign, "", "KServe's graphs call http services")
		}
		m.Server, m.Path = name, u.Path
		if m.Path == "" {
			m.Path = "/"
		}
		r.objects.Servers = append(r.objects.Servers, &frontend.Server{
			Namespace: r.doc.Namespace, Name: name, Place: name, Protocol: frontend.Opaque, URLs: []frontend.URL{u}, External: true, Pos: v.Pos(), Origin: "KServe InferenceGraph",
		})
	}
	m.Opaque = true
	r.objects.Models = append(r.objects.Models, m)
	return c
}
