package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/ask"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/xds/frontend/expression"
)

// Snapshot is what serves at one moment. It is immutable but for its cache of expressions, and safe for concurrent use.
type Snapshot struct {
	models  map[string]*Model // by namespace/name
	graphs  map[string]*Graph
	bare    map[string][]string // plain name → full names
	seldon  map[string]*Target
	kserve  map[string]*Target
	direct  map[string]*Target // plain and full names → targets
	waiting map[string]string
	limits  Limits

	expressions sync.Map // text → *Target
	kept        atomic.Int64
}

// Target is what a name stands for. It is immutable.
type Target struct {
	Name string // as it is shown: a plain name, or <expression>
	Plan *plan.Plan
	// Model is set where the plan is one call of one model.
	Model *Model
	// Expression says that the plan was made from a request.
	Expression bool
	// Fields are what /ask takes; nil where they are not known.
	Fields []ask.FieldSpec
	// DecodeAsk reads a question of /ask.
	DecodeAsk message.Decode
}

func newTarget(name string, p *plan.Plan, m *Model) *Target {
	t := &Target{Name: name, Plan: p, Model: m}
	if p != nil && len(p.Inputs) > 0 {
		t.Fields = ask.Fields(&contract.Contract{Inputs: p.Inputs})
	}
	t.DecodeAsk = decodeAsk(t.Fields)
	return t
}

// index builds the look-up tables.
func (s *Snapshot) index() {
	s.direct = make(map[string]*Target, 2*(len(s.models)+len(s.graphs)))
	for full, m := range s.models {
		s.enter(full, newTarget(m.Model.Name, single(m, ""), m))
	}
	for full, g := range s.graphs {
		t := newTarget(g.Name, g.Plan, nil)
		s.enter(full, t)
		if a := g.Address.GetSeldon(); a != nil {
			s.seldon[a.GetNamespace()+"/"+a.GetDeployment()] = t
		}
		if a := g.Address.GetKserve(); a != nil {
			s.kserve[a.GetNamespace()+"/"+a.GetName()] = t
		}
	}
	for name, fulls := range s.bare {
		if len(fulls) == 1 {
			s.direct[name] = s.direct[fulls[0]]
		}
	}
}

func (s *Snapshot) enter(full string, t *Target) {
	s.direct[full] = t
	_, name, _ := strings.Cut(full, "/")
	s.bare[name] = append(s.bare[name], full)
}

// single compiles the plan that is one call of m.
func single(m *Model, version string) *plan.Plan {
	g := &ast.Graph{Namespace: m.Namespace, Name: m.Model.Name, Root: &ast.Call{Model: m.Model.Name, Version: version}, Origin: "Model"}
	p, _ := plan.Compile(g, &resolver{models: map[string]*Model{m.FullName(): m}})
	return p
}

// Lookup returns the target of a name that is plain, without allocating; nil where there is none or more than one.
func (s *Snapshot) Lookup(name []byte) *Target { return s.direct[string(name)] }

// Seldon and KServe return the target at an address of their world, or nil.
func (s *Snapshot) Seldon(namespace, name []byte) *Target {
	return byAddress(s.seldon, namespace, name)
}

// KServe returns the graph at a KServe address, or nil.
func (s *Snapshot) KServe(namespace, name []byte) *Target {
	return byAddress(s.kserve, namespace, name)
}

// At returns the target called namespace/name, or nil.
func (s *Snapshot) At(namespace, name []byte) *Target { return byAddress(s.direct, namespace, name) }

func byAddress(targets map[string]*Target, namespace, name []byte) *Target {
	if len(targets) == 0 {
		return nil
	}
	return targets[string(namespace)+"/"+string(name)]
}

// HasKServe tells whether any host name may be a KServe address.
func (s *Snapshot) HasKServe() bool { return len(s.kserve) > 0 }

// Resolve returns the target of any name: plain, namespace/name, with a version (name@3, or version), or an expression.
// Failures are of kind NotFound or InvalidArgument.
func (s *Snapshot) Resolve(name, version string) (*Target, error) {
	if version == "" {
		if t := s.direct[name]; t != nil {
			return t, nil
		}
	}
	if strings.IndexByte(name, '@') < 0 && !expression.Is(name) {
		return s.plain(name, version)
	}
	return s.expression(name, version)
}

// maxVersion bounds a version in a request: its plan is kept by it.
const maxVersion = 128

// versionKey tells the plan of a version from that of an expression of the same text, which may ask askable models only.
const versionKey = "\x00"

func (s *Snapshot) plain(name, version string) (*Target, error) {
	if fulls := s.bare[name]; len(fulls) > 1 {
		slices.Sort(fulls)
		return nil, &message.Failure{Code: CodeAmbiguous, Kind: message.InvalidArgument, Detail: fmt.Sprintf("%q is in more than one namespace", name), Remedy: "write " + strings.Join(fulls, " or ")}
	}
	t := s.direct[name]
	if t == nil {
		return nil, s.unknown(name)
	}
	if version == "" || t.Model == nil {
		return t, nil
	}
	if len(version) > maxVersion {
		return nil, &message.Failure{Code: CodeUnknown, Kind: message.InvalidArgument, Detail: fmt.Sprintf("the version has %d bytes; %d are allowed", len(version), maxVersion)}
	}
	return s.keep(versionKey+name+"@"+version, func() (*Target, error) {
		return newTarget(t.Name, single(t.Model, version), t.Model), nil
	})
}

// unknown is the failure of a name that nothing has.
func (s *Snapshot) unknown(name string) *message.Failure {
	if why, ok := s.waiting["default/"+name]; ok {
		return &message.Failure{Code: CodeWarming, Kind: message.Unavailable, Detail: fmt.Sprintf("%q is not ready yet: %s", name, why), Flag: "UH"}
	}
	f := &message.Failure{Code: CodeUnknown, Kind: message.NotFound, Detail: fmt.Sprintf("no model %q", name)}
	if len(name) > s.limits.MaxBytes {
		f.Detail = fmt.Sprintf("no model has a name of %d bytes", len(name))
		return f
	}
	all := slices.Collect(maps.Keys(s.bare))
	all = slices.DeleteFunc(all, func(n string) bool { return strings.Contains(n, ".") })
	slices.Sort(all)
	f.Remedy = contract.Suggest(name, all)
	return f
}

// keep returns the target kept under key, or makes it. What is kept is bounded: the cache starts over when it is full.
func (s *Snapshot) keep(key string, make func() (*Target, error)) (*Target, error) {
	if t, ok := s.expressions.Load(key); ok {
		return t.(*Target), nil
	}
	t, err := make()
	if err != nil {
		return nil, err
	}
	if int(s.kept.Add(1)) > s.limits.MaxPlan {
		s.expressions.Clear()
		s.kept.Store(1)
	}
	s.expressions.Store(key, t)
	return t, nil
}

func (s *Snapshot) expression(text, version string) (*Target, error) {
	switch {
	case s.limits.Disabled:
		return nil, &message.Failure{Code: CodeExpression, Kind: message.PermissionDenied, Detail: "expressions are not allowed here", Remedy: "name one model or graph"}
	case len(text) > s.limits.MaxBytes:
		return nil, &message.Failure{Code: CodeExpression, Kind: message.InvalidArgument, Detail: fmt.Sprintf("the expression has %d bytes; %d are allowed", len(text), s.limits.MaxBytes)}
	case version != "":
		return nil, &message.Failure{Code: CodeExpression, Kind: message.InvalidArgument, Detail: "an expression has no version as a whole", Remedy: "write versions in it: name@3"}
	}
	return s.keep(text, func() (*Target, error) { return s.compile(text) })
}

// compile makes a plan of an expression. Its names are of one namespace.
func (s *Snapshot) compile(text string) (*Target, error) {
	root, err := expression.Parse(text, ast.Position{})
	var e *expression.Error
	if errors.As(err, &e) {
		return nil, &message.Failure{Code: CodeExpression, Kind: message.InvalidArgument, Detail: fmt.Sprintf("expression, at character %d: %s\n%s", e.Offset+1, e.Message, e.Caret()), Remedy: e.Remedy}
	}
	var calls []string
	ast.Walk(root, func(p ast.Part) {
		if c, ok := p.(*ast.Call); ok {
			calls = append(calls, c.Model)
		}
	})
	if len(calls) > s.limits.MaxCalls {
		return nil, &message.Failure{Code: CodeExpression, Kind: message.InvalidArgument, Detail: fmt.Sprintf("the expression has %d calls; %d are allowed", len(calls), s.limits.MaxCalls)}
	}
	ns, err := s.namespace(calls)
	if err != nil {
		return nil, err
	}
	ast.Walk(root, func(p ast.Part) {
		if c, ok := p.(*ast.Call); ok {
			c.Model = c.Model[strings.IndexByte(c.Model, '/')+1:]
		}
	})
	g := &ast.Graph{Namespace: ns, Name: "<expression>", Root: root, Origin: "expression"}
	p, found := plan.Compile(g, &resolver{models: s.models, graphs: s.graphs, askable: true})
	for _, d := range found {
		if d.Severity == diagnostic.Error {
			return nil, &message.Failure{Code: d.Code, Kind: message.InvalidArgument, Detail: d.Message, Remedy: d.Remedy}
		}
	}
	t := newTarget("<expression>", p, nil)
	t.Expression = true
	if p.Single != nil {
		t.Model, _ = p.Single.Model.Handle.(*Model)
	}
	return t, nil
}

// namespace returns the one namespace that has all names; a name that none has, or none that may be asked, is not found.
func (s *Snapshot) namespace(calls []string) (string, error) {
	var common []string
	for i, name := range calls {
		var in []string
		if ns, _, full := strings.Cut(name, "/"); full {
			if s.askable(name) {
				in = []string{ns}
			}
		} else {
			for _, full := range s.bare[name] {
				if s.askable(full) {
					in = append(in, full[:strings.IndexByte(full, '/')])
				}
			}
		}
		if len(in) == 0 {
			return "", s.unknown(name)
		}
		if i == 0 {
			common = in
		} else {
			common = slices.DeleteFunc(common, func(ns string) bool { return !slices.Contains(in, ns) })
		}
	}
	switch len(common) {
	case 1:
		return common[0], nil
	case 0:
		return "", &message.Failure{Code: CodeExpression, Kind: message.InvalidArgument, Detail: "the models of an expression must be of one namespace"}
	}
	slices.Sort(common)
	return "", &message.Failure{Code: CodeAmbiguous, Kind: message.InvalidArgument, Detail: fmt.Sprintf("%q is in more than one namespace", calls[0]), Remedy: "write " + strings.Join(common, "/"+calls[0]+" or ") + "/" + calls[0]}
}

func (s *Snapshot) askable(full string) bool {
	if m := s.models[full]; m != nil {
		return m.Askable
	}
	g := s.graphs[full]
	return g != nil && g.Askable
}

// Names returns the plain names of models and graphs that people may address, sorted.
func (s *Snapshot) Names() []string {
	all := slices.Collect(maps.Keys(s.bare))
	all = slices.DeleteFunc(all, func(n string) bool { return strings.Contains(n, ".") })
	slices.Sort(all)
	return all
}

// Counts returns how many models and graphs serve, and how many wait.
func (s *Snapshot) Counts() (models, graphs, waiting int) {
	return len(s.models), len(s.graphs), len(s.waiting)
}

// Waiting returns what waits, by full name, and for what.
func (s *Snapshot) Waiting() map[string]string { return s.waiting }
