package seldon

import (
	"regexp"
	"strconv"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

// Group and Kind say which objects the package reads.
const (
	Group = "machinelearning.seldon.io"
	Kind  = "SeldonDeployment"
)

// Versions are the versions of the API that are read: they differ in nothing that is read.
var Versions = []string{Group + "/v1", Group + "/v1alpha3", Group + "/v1alpha2"}

// nameFormat is what predictors and nodes may be called: their names become parts of names and addresses.
var nameFormat = regexp.MustCompile(`^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$`)

// named reads the name of a predictor or a node.
func named(v document.Value) string {
	name := v.String()
	if v.Present() && !nameFormat.MatchString(name) {
		v.Refuse(document.CodeValue, "a name has letters, digits, dashes and dots", "%q cannot be a name", name)
	}
	return name
}

// longestTimeout bounds annotations: no call waits longer than a day.
const longestTimeout = 24 * time.Hour

// workload lists the fields that are for the operator that makes pods.
var workload = []string{"componentSpecs", "replicas", "labels", "engineResources", "hpaSpec", "progressDeadlineSeconds"}

// reader holds one deployment and what is wrong with it.
type reader struct {
	doc       *document.Document
	found     []diagnostic.Diagnostic
	objects   frontend.Objects
	predictor string
	timeout   time.Duration
	depth     int
}

// Read turns a SeldonDeployment into one graph and a server and model for each of its nodes.
func Read(doc *document.Document) (*frontend.Objects, []diagnostic.Diagnostic) {
	r := &reader{doc: doc}
	body := doc.Body(&r.found, "SeldonDeployment "+doc.Name)
	spec := body.Required("spec", "the deployment's predictors").Map()
	body.Ignore("status")
	body.Done()
	root := r.deployment(spec)
	if diagnostic.Fatal(r.found) {
		return nil, r.found
	}
	g := &ast.Graph{Namespace: doc.Namespace, Name: doc.Name, Root: root, Rules: ast.Seldon, Origin: Kind, Pos: doc.Pos}
	r.objects.Graphs = append(r.objects.Graphs, &frontend.Graph{Graph: g, Address: &graphv1.Address{World: &graphv1.Address_Seldon{
		Seldon: &graphv1.SeldonAddress{Namespace: doc.Namespace, Deployment: doc.Name},
	}}})
	return &r.objects, r.found
}

// arm is one predictor.
type arm struct {
	name    string
	traffic document.Value
	shadow  bool
	part    ast.Part
	pos     ast.Position
}

func (r *reader) deployment(spec document.Map) ast.Part {
	spec.Ignore("name", "replicas", "oauth_key", "oauth_secret")
	one(spec.Get("protocol"), "seldon", "only protocol seldon is executed by this version")
	one(spec.Get("transport"), "rest", "only transport rest is executed by this version")
	one(spec.Get("serverType"), "rpc", "only serverType rpc is executed by this version")
	r.timeout = r.annotations(spec.Get("annotations").Map(), 0)
	list := spec.Required("predictors", "a list with at least one predictor")
	var arms, shadows []arm
	seen := map[string]bool{}
	for _, v := range list.List() {
		a := r.readPredictor(v)
		if seen[a.name] {
			v.Refuse(document.CodeTwice, "give each predictor its own name", "two predictors are called %q", a.name)
		}
		seen[a.name] = true
		if a.shadow {
			shadows = append(shadows, a)
		} else {
			arms = append(arms, a)
		}
	}
	spec.Foreign()
	switch {
	case len(arms) == 0 && len(shadows) > 0:
		list.Refuse(document.CodeValue, "add a predictor that is not a shadow", "a shadow cannot be the only predictor")
	case len(arms) == 0 && list.Present():
		list.Refuse(document.CodeMissing, "", "there is no predictor")
	case len(shadows) > 1:
		list.Refuse(document.CodeValue, "keep one, or use the own kind's `shadows:`, which takes any number", "a SeldonDeployment has one shadow at most, not %d", len(shadows))
	}
	primary := r.split(list, arms)
	if len(shadows) == 0 {
		return primary
	}
	t := &ast.Tap{Part: primary}
	t.Pos = list.Pos()
	for _, s := range shadows {
		percent := 100.0
		if n := s.traffic.Int(0, 100); n > 0 { // 0 is what Seldon takes an absent traffic for
			percent = float64(n)
		}
		t.Shadows = append(t.Shadows, ast.Shadow{To: s.part, Percent: percent, Pos: s.pos})
	}
	return t
}

// split chooses among predictors by traffic.
func (r *reader) split(list document.Value, arms []arm) ast.Part {
	switch len(arms) {
	case 0:
		return &ast.Pass{}
	case 1:
		if t := arms[0].traffic; t.Present() {
			if n := t.Int(0, 100); n != 0 && n != 100 {
				t.Refuse(document.CodeValue, "write 100, or leave it out", "the only predictor's traffic must be 100, not %d", n)
			}
		}
		return arms[0].part
	}
	c := &ast.Choose{By: ast.ByWeight}
	c.Pos = list.Pos()
	sum := 0
	for _, a := range arms {
		n := a.traffic.Int(0, 100)
		sum += n
		c.Arms = append(c.Arms, ast.Arm{Name: a.name, Weight: float64(n), Part: a.part, Pos: a.pos})
	}
	if sum != 100 {
		list.Refuse(document.CodeValue, "make the predictors' traffic add up to 100", "traffic adds up to %d", sum)
	}
	return c
}

func (r *reader) readPredictor(v document.Value) arm {
	m := v.Map()
	m.Ignore(workload...)
	a := arm{name: named(m.Required("name", "the predictor's name")), traffic: m.Get("traffic"), shadow: m.Get("shadow").Bool(), pos: v.Pos()}
	r.predictor = a.name
	outer := r.timeout
	r.timeout = r.annotations(m.Get("annotations").Map(), r.timeout)
	if o := m.Get("svcOrchSpec"); o.Present() {
		om := o.Map()
		om.Ignore("resources", "replicas")
		om.Foreign()
	}
	if g := m.Required("graph", "the predictor's graph"); g.Present() {
		a.part = r.node(g)
	} else {
		a.part = &ast.Pass{}
	}
	r.timeout = outer
	m.Foreign()
	return a
}

// annotations reads the annotations that the executor honours; those of Seldon's operator are for the operator.
func (r *reader) annotations(m document.Map, timeout time.Duration) time.Duration {
	if v := m.Get("seldon.io/rest-timeout"); v.Present() {
		ms, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil || ms < 0 || ms > longestTimeout.Milliseconds() {
			v.Refuse(document.CodeType, "write milliseconds, such as \"5000\"", "%q is not a number of milliseconds up to a day", v.String())
			return timeout
		}
		timeout = time.Duration(ms) * time.Millisecond
	}
	return timeout
}

// one refuses any value of v but want.
func one(v document.Value, want, remedy string) {
	if v.Present() && v.String() != want {
		v.Refuse(document.CodeForeign, remedy, "%s %q is not understood yet", v.Path(), v.String())
	}
}
