package engine_test

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// script says how a fake model behaves.
type script struct {
	delay time.Duration
	fail  *message.Failure
	reply func(in []*message.Message) *message.Message
}

// asked is one call that a fake server saw.
type asked struct {
	model string
	at    time.Duration
}

// fake plays model servers by script, in the time of a synctest bubble or without any.
type fake struct {
	mu      sync.Mutex // guards what follows
	models  map[string]script
	calls   []asked
	open    int
	waits   int
	budget  *body.Budget                    // what replies are charged to, where set
	delays  func(part string) time.Duration // in place of the scripts', where set
	started time.Time
	route   func(*message.Message) (int, error)
}

func newFake(models map[string]script) *fake { return &fake{models: models, started: time.Now()} }

type pending struct {
	f        *fake
	run      *engine.Run
	s        script
	in       []*message.Message
	ready    time.Time
	deadline bool
	canceled chan struct{}
}

func (f *fake) Start(run *engine.Run, call *engine.Call) engine.Pending {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, asked{call.Target.Model.Name, time.Since(f.started)})
	f.open++
	s := f.models[call.Target.Model.Name]
	p := &pending{f: f, run: run, s: s, in: call.In, ready: time.Now().Add(s.delay), canceled: make(chan struct{})}
	if f.delays != nil {
		p.ready = time.Now().Add(f.delays(call.Target.Name))
	}
	if s.reply == nil {
		p.s.reply = func(in []*message.Message) *message.Message { return echo(call.Target.Model.Name, in) }
	}
	if !call.Deadline.IsZero() && call.Deadline.Before(p.ready) {
		p.ready, p.deadline = call.Deadline, true
	}
	return p
}

func (f *fake) WaitAny(all []engine.Pending) int {
	f.mu.Lock()
	f.waits++
	f.mu.Unlock()
	first := 0
	for i, p := range all {
		if p.(*pending).ready.Before(all[first].(*pending).ready) {
			first = i
		}
	}
	p := all[first].(*pending)
	p.sleep()
	return first
}

func (f *fake) Route(m *message.Message) (int, error) { return f.route(m) }

// sleep waits until the reply is there, and tells whether it is.
func (p *pending) sleep() error {
	if d := time.Until(p.ready); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-p.canceled:
		case <-p.run.Context.Done():
		}
	}
	select {
	case <-p.canceled:
		return context.Canceled
	default:
	}
	if time.Now().Before(p.ready) {
		return p.run.Context.Err()
	}
	if p.deadline {
		return context.DeadlineExceeded
	}
	return nil
}

func (p *pending) Wait() (*message.Message, error) {
	err := p.sleep()
	p.f.mu.Lock()
	p.f.open--
	p.f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if p.s.fail != nil {
		own := *p.s.fail
		if p.f.budget != nil {
			own.Reply = p.f.charged("refused")
		}
		return nil, &own
	}
	if p.f.budget != nil {
		return p.f.charged(render(p.s.reply(p.in))), nil
	}
	return p.s.reply(p.in), nil
}

// charged is a message whose field v is its body, in memory that is counted.
func (f *fake) charged(s string) *message.Message {
	b, err := body.Copy(f.budget, []byte(s))
	if err != nil {
		panic(err)
	}
	return message.FromWire(&message.Wire{Dialect: message.Plain, Body: b, JSONLength: -1, Status: 200}, func(w *message.Wire) (*message.Content, error) {
		return &message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("v", string(w.Body.Bytes()))}}, nil
	})
}

func (p *pending) Cancel() { close(p.canceled) }

// echo answers what was asked, wrapped in the model's name.
func echo(model string, in []*message.Message) *message.Message {
	texts := make([]string, len(in))
	for i, m := range in {
		texts[i] = render(m)
	}
	return text(model + "(" + strings.Join(texts, ",") + ")")
}

func text(s string) *message.Message {
	return message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("v", s)}})
}

// render shows a message: the values of its tensors, or its parts.
func render(m *message.Message) string {
	if w := m.Wire(); w != nil && w.Dialect == message.Opaque {
		return fmt.Sprintf("%d %s", w.Status, w.Body.Bytes())
	}
	c, err := m.Content()
	if err != nil {
		return "error " + err.Error()
	}
	var all []string
	for i := range c.Tensors {
		t := &c.Tensors[i]
		var values []string
		for s, k := t.Strings(), 0; ; k++ {
			v, ok := s.Next()
			if !ok {
				if f, ok := t.Float64At(k); ok && t.Datatype != tensor.Untyped {
					values = append(values, fmt.Sprint(f))
					continue
				}
				break
			}
			values = append(values, string(v))
		}
		value := strings.Join(values, " ")
		if t.Name != "v" {
			value = t.Name + "=" + value
		}
		all = append(all, value)
	}
	for _, p := range c.Parts {
		all = append(all, p.Name+":"+render(p.Message))
	}
	var failed []string
	for _, e := range c.Errors {
		failed = append(failed, "!"+e.Part)
	}
	sort.Strings(failed)
	all = append(all, failed...)
	if len(c.JSON) > 0 {
		all = append(all, string(c.JSON))
	}
	if len(c.Parts) > 0 || len(c.Errors) > 0 || len(c.Tensors) > 1 {
		return "{" + strings.Join(all, " ") + "}"
	}
	return strings.Join(all, " ")
}

// models resolves every name to a model of that name.
type models map[string]*plan.Model

var takesAnything = &contract.Contract{Inputs: []contract.Field{{Name: "x", Optional: true}}}

func (m models) Model(namespace, name, version string) (*plan.Model, bool) {
	if found, ok := m[name]; ok {
		return found, true
	}
	return &plan.Model{Namespace: namespace, Name: name, Contract: takesAnything, Batched: true, Dialects: []message.Dialect{message.OpenInferenceREST}}, true
}

func (models) Graph(string, string) (*ast.Graph, bool) { return nil, false }
func (models) Near(string, string) []string            { return nil }

func compile(t testing.TB, root ast.Part, ms models) *plan.Plan {
	t.Helper()
	p, found := plan.Compile(&ast.Graph{Namespace: "default", Name: "g", Root: root}, ms)
	if p == nil {
		t.Fatalf("compile: %v", found)
	}
	return p
}

func call(model string) *ast.Call { return &ast.Call{Model: model} }

func labelled(label string, p ast.Part) ast.Part {
	p.Base().Label = label
	return p
}

func chain(parts ...ast.Part) *ast.Chain { return &ast.Chain{Parts: parts} }

func cel(s string) *ast.Condition { return &ast.Condition{Text: s} }

// execute runs a graph once and shows what came out.
func execute(t testing.TB, f *fake, root ast.Part, request *message.Message, set ...func(*engine.Run)) string {
	t.Helper()
	e := &engine.Engine{Servers: f, Breakers: &engine.Breakers{}}
	return executeOn(t, e, compile(t, root, nil), request, set...)
}

func executeOn(t testing.TB, e *engine.Engine, p *plan.Plan, request *message.Message, set ...func(*engine.Run)) string {
	t.Helper()
	run := e.NewRun(context.Background())
	defer run.Close()
	for _, s := range set {
		s(run)
	}
	m, err := engine.Execute(run, p, request)
	if err != nil {
		fl, ok := err.(*message.Failure)
		if !ok {
			t.Fatalf("expected a *message.Failure, got %T", err)
		}
		return fmt.Sprintf("failed %s %s: %s", fl.Code, fl.Part, fl.Detail)
	}
	return render(m)
}

func down(what string) *message.Failure {
	return &message.Failure{Code: "MR501", Kind: message.Unavailable, Detail: what, Flag: "UF"}
}
