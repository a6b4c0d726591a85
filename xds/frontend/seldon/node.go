package seldon

import (
	"fmt"
	"strconv"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

// maxDepth bounds the tree.
const maxDepth = 64

// calls are what a node is asked, from its type and its methods together.
type calls struct {
	predict, transformInput, transformOutput, route, aggregate bool
}

// node lowers one node with its children.
func (r *reader) node(v document.Value) ast.Part {
	m := v.Map()
	m.Ignore("serviceAccountName", "envSecretRefName", "storageInitializerImage")
	name := named(m.Required("name", "the node's name, which is its container's"))
	children := m.Get("children").List()
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxDepth {
		v.Refuse(document.CodeValue, "split it into several deployments", "the graph is deeper than %d nodes", maxDepth)
		return &ast.Pass{}
	}

	c, abtest := r.calls(m)
	params := m.Get("parameters")
	endpoint := m.Get("endpoint")
	// A node that only chooses at random has no server; with a type beside it, the executor calls it for that.
	served := c != calls{} || !abtest
	if !served && endpoint.Present() {
		endpoint.Refuse(document.CodeValue, "remove it: the proxy chooses itself", "RANDOM_ABTEST has no server")
	}
	if served {
		r.declare(v, name, endpoint, m)
	}
	m.Foreign()

	var parts []ast.Part
	switch {
	case c.transformInput: // it wins over predict, as in the executor
		parts = append(parts, r.call(name, message.TransformInput, v))
	case c.predict:
		parts = append(parts, r.call(name, message.Predict, v))
	}
	if p := r.children(v, name, children, c, abtest, params); p != nil {
		parts = append(parts, p)
	}
	if c.transformOutput {
		parts = append(parts, r.call(name, message.TransformOutput, v))
	}
	switch len(parts) {
	case 0:
		p := &ast.Pass{}
		p.Pos = v.Pos()
		return p
	case 1:
		return parts[0]
	}
	chain := &ast.Chain{Parts: parts}
	chain.Label, chain.Pos = name, v.Pos()
	return chain
}

// calls reads type, implementation and methods: their union is called.
func (r *reader) calls(m document.Map) (c calls, abtest bool) {
	typ, impl, methods := m.Get("type"), m.Get("implementation"), m.Get("methods")
	switch typ.String() {
	case "MODEL":
		c.predict = true
	case "TRANSFORMER":
		c.transformInput = true
	case "OUTPUT_TRANSFORMER":
		c.transformOutput = true
	case "ROUTER":
		c.route = true
	case "COMBINER":
		c.aggregate = true
	case "UNKNOWN_TYPE":
		if len(methods.List()) == 0 && (!impl.Present() || impl.String() == "UNKNOWN_IMPLEMENTATION") {
			typ.Refuse(document.CodeValue, "name the type, or give methods", "a node of UNKNOWN_TYPE needs methods")
		}
	case "":
		if !methods.Present() && (!impl.Present() || impl.String() == "UNKNOWN_IMPLEMENTATION") {
			c.predict = true // the operator's default
		}
	default:
		typ.Refuse(document.CodeValue, "it is MODEL, TRANSFORMER, OUTPUT_TRANSFORMER, ROUTER or COMBINER", "there is no type %q", typ.String())
	}
	for _, v := range methods.List() {
		switch v.String() {
		case "TRANSFORM_INPUT":
			c.transformInput = true
		case "TRANSFORM_OUTPUT":
			c.transformOutput = true
		case "ROUTE":
			c.route = true
		case "AGGREGATE":
			c.aggregate = true
		default:
			v.Refuse(document.CodeForeign, "", "method %q is not understood yet", v.String())
		}
	}
	switch impl.String() {
	case "", "UNKNOWN_IMPLEMENTATION":
	case "RANDOM_ABTEST":
		abtest = !c.route // with type ROUTER the executor asks the server
	default:
		impl.Refuse(document.CodeForeign, "give the node an endpoint of a running server", "implementation %q is not understood yet", impl.String())
	}
	return c, abtest
}

func (r *reader) children(v document.Value, name string, children []document.Value, c calls, abtest bool, params document.Value) ast.Part {
	if len(children) == 0 {
		if abtest {
			v.Refuse(document.CodeMissing, "give it two children", "RANDOM_ABTEST %s has no children", name)
		}
		// The executor never calls a leaf's route or aggregate: the message passes through. A combiner without children is
		// a mistake all the same.
		if c.aggregate {
			v.Refuse(document.CodeMissing, "list the models that it combines under `children:`", "combiner %s has no children", name)
		}
		return nil
	}
	parts := make([]ast.Part, len(children))
	for i, child := range children {
		parts[i] = r.node(child)
	}
	if (c.route || abtest) && c.aggregate {
		v.Refuse(document.CodeForeign, "make the combiner a node of its own", "a node that routes and aggregates is not understood yet")
	}
	switch {
	case abtest:
		return r.abtest(v, name, parts, params)
	case c.route:
		choose := &ast.Choose{By: ast.ByServerRoute, Router: r.call(name, message.Route, v)}
		choose.Label, choose.Pos = name, v.Pos()
		for i, p := range parts {
			choose.Arms = append(choose.Arms, ast.Arm{Name: strconv.Itoa(i), Part: p, Pos: children[i].Pos()})
		}
		return choose
	case c.aggregate:
		p := &ast.Parallel{Parts: label(parts), Combine: ast.Combine{By: ast.ByServer, Server: r.call(name, message.Aggregate, v), Pos: v.Pos()}}
		p.Label, p.Pos = name, v.Pos()
		return p
	case len(parts) == 1:
		return parts[0]
	}
	p := &ast.Parallel{Parts: label(parts), Combine: ast.Combine{By: ast.FirstIn, Pos: v.Pos()}}
	p.Pos = v.Pos()
	return p
}

// label gives parts without one a name, since the parts of a join need names of their own and a container may stand twice.
func label(parts []ast.Part) []ast.Part {
	seen := map[string]int{}
	for _, p := range parts {
		c := p.Base()
		if c.Label == "" {
			if call, ok := p.(*ast.Call); ok {
				c.Label = call.As
			}
		}
		seen[c.Label]++
		if n := seen[c.Label]; n > 1 || c.Label == "" {
			c.Label = fmt.Sprintf("%s#%d", c.Label, n)
		}
	}
	return parts
}

func (r *reader) abtest(v document.Value, name string, parts []ast.Part, params document.Value) ast.Part {
	if len(parts) != 2 {
		v.Refuse(document.CodeValue, "give it two", "RANDOM_ABTEST %s chooses between two children, not %d", name, len(parts))
		return &ast.Pass{}
	}
	ratio := 0.5
	// The executor honours ratioA only where it is the only parameter.
	if list := params.List(); len(list) == 1 {
		m := list[0].Map()
		m.Ignore("type")
		if m.Get("name").String() == "ratioA" {
			value := m.Get("value")
			f, err := strconv.ParseFloat(value.String(), 32)
			if err != nil || f < 0 || f > 1 {
				value.Refuse(document.CodeValue, "it is a number from 0 to 1, such as \"0.5\"", "ratioA cannot be %q", value.String())
			}
			ratio = float64(float32(f))
		}
	}
	c := &ast.Choose{By: ast.ByWeight}
	c.Label, c.Pos = name, v.Pos()
	c.Arms = []ast.Arm{{Name: "0", Weight: ratio, Part: parts[0], Pos: v.Pos()}, {Name: "1", Weight: 1 - ratio, Part: parts[1], Pos: v.Pos()}}
	return c
}

// object is the name of a node's server and model; its dots keep it out of expressions.
func (r *reader) object(node string) string { return r.doc.Name + "." + r.predictor + "." + node }

func (r *reader) call(node string, method message.Method, v document.Value) *ast.Call {
	c := &ast.Call{Model: r.object(node), Method: method, As: node}
	c.Label, c.Pos = node, v.Pos()
	c.Policies.Timeout = r.timeout
	return c
}

// declare makes the node's server and model, once for a container that stands twice.
func (r *reader) declare(v document.Value, node string, endpoint document.Value, m document.Map) {
	name := r.object(node)
	m.Ignore("parameters") // they are the container's, in its environment
	s := &frontend.Server{Namespace: r.doc.Namespace, Name: name, Place: r.doc.Name + "/" + node, Protocol: frontend.Seldon, External: true, Pos: v.Pos(), Origin: Kind}
	if endpoint.Present() {
		em := endpoint.Map()
		one(em.Get("type"), "REST", "only REST endpoints are executed by this version")
		em.Ignore("grpcPort")
		host := em.Get("service_host").String()
		httpPort, port := em.Get("httpPort").Int(1, 65535), em.Get("service_port").Int(1, 65535)
		if httpPort == 0 {
			httpPort = port
		}
		em.Foreign()
		switch {
		case host != "" && httpPort != 0:
			s.URLs = []frontend.URL{{Host: host, Port: httpPort, Pos: endpoint.Pos()}}
		case host != "":
			endpoint.Refuse(document.CodeMissing, "add `httpPort:` or `service_port:`", "the endpoint of node %s has no port", node)
		}
	}
	for _, known := range r.objects.Servers {
		if known.Name == name {
			return
		}
	}
	r.objects.Servers = append(r.objects.Servers, s)
	never := false
	r.objects.Models = append(r.objects.Models, &frontend.Model{Namespace: r.doc.Namespace, Name: name, Server: name, Remote: node, Askable: &never, Pos: v.Pos()})
}
