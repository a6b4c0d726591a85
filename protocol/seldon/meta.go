package seldon

import (
	"strings"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Meta is the meta of a SeldonMessage.
type Meta struct {
	ID          string // puid
	Tags        tensor.Parameters
	Routing     []NodeRoute
	RequestPath []NodeImage
	// Metrics are JSON objects of key, type, value and tags, valid.
	Metrics []string
	// others are members that Seldon does not have, as JSON; unknown are such fields of protobuf.
	others  tensor.Parameters
	unknown []byte
}

// NodeRoute says which child a node chose, or All.
type NodeRoute struct {
	Node  string
	Route int32
}

// NodeImage says that a message passed a node, and what its image is.
type NodeImage struct{ Node, Image string }

// SetRoute records a node's choice.
func (m *Meta) SetRoute(node string, route int32) {
	for i := range m.Routing {
		if m.Routing[i].Node == node {
			m.Routing[i].Route = route
			return
		}
	}
	m.Routing = append(m.Routing, NodeRoute{node, route})
}

// SetImage records that a node was passed.
func (m *Meta) SetImage(node, image string) {
	for i := range m.RequestPath {
		if m.RequestPath[i].Node == node {
			m.RequestPath[i].Image = image
			return
		}
	}
	m.RequestPath = append(m.RequestPath, NodeImage{node, image})
}

// Add merges what a later message says into m, as Seldon's wrapper does along a graph and among the inputs of a combiner: the first
// puid stays, of tags, routing and requestPath the later entry wins, and metrics are concatenated. Metrics that later repeats at its start, as
// a server does that passes on those it was sent, are taken once.
func (m *Meta) Add(later *Meta) {
	if m.ID == "" {
		m.ID = later.ID
	}
	m.Tags = append(append(tensor.Parameters(nil), m.Tags...), later.Tags...).Unique()
	for _, r := range later.Routing {
		m.SetRoute(r.Node, r.Route)
	}
	for _, p := range later.RequestPath {
		m.SetImage(p.Node, p.Image)
	}
	more := later.Metrics
	if repeats(more, m.Metrics) {
		more = more[len(m.Metrics):]
	}
	m.Metrics = append(m.Metrics, more...)
	m.others = append(append(tensor.Parameters(nil), m.others...), later.others...).Unique()
	m.unknown = append(m.unknown, later.unknown...)
}

// repeats tells whether all begins with the metrics of start.
func repeats(all, start []string) bool {
	if len(all) < len(start) {
		return false
	}
	for i := range start {
		if start[i] == all[i] {
			continue
		}
		a, err1 := readMetric(start[i])
		b, err2 := readMetric(all[i])
		if err1 != nil || err2 != nil || !a.equal(&b) {
			return false
		}
	}
	return true
}

func (m *Meta) empty() bool {
	return m.ID == "" && len(m.Tags) == 0 && len(m.Routing) == 0 && len(m.RequestPath) == 0 && len(m.Metrics) == 0 && len(m.others) == 0 && len(m.unknown) == 0
}

// MergeMeta gives dst, a reply that is being made, the meta of the messages that came before it, oldest first (the request, then each
// reply on the way to it, or all inputs of a combiner), merged with its own as [Meta.Add] says. dst must not be part of a message yet.
func MergeMeta(dst *message.Content, before ...*message.Content) error {
	var all Meta
	for _, c := range append(before[:len(before):len(before)], dst) {
		m, err := metaOf(c)
		if err != nil {
			return err
		}
		all.Add(&m)
	}
	all.into(dst)
	return nil
}

// metaOf returns the meta that content holds. Parameters that are no part of it are not among its tags.
func metaOf(c *message.Content) (Meta, error) {
	m := Meta{ID: c.ID, Tags: c.Tags}
	for _, p := range c.Parameters {
		if name, ok := strings.CutPrefix(p.Name, keptMeta); ok && p.Value.Kind == tensor.JSONValue {
			s := jsontext.NewScanner([]byte(p.Value.String))
			m.readMember(name, &s)
			if err := s.End(); err != nil {
				return m, message.Invalid(jsontensor.CodeMalformed, "meta.%s: %v", name, err)
			}
		}
	}
	return m, nil
}

// into puts m where content holds it.
func (m *Meta) into(c *message.Content) {
	c.ID, c.Tags = m.ID, m.Tags
	if len(c.Parameters) == 0 && len(m.Routing) == 0 && len(m.RequestPath) == 0 && len(m.Metrics) == 0 && len(m.others) == 0 {
		return
	}
	kept := make(tensor.Parameters, 0, len(c.Parameters)+3)
	for _, p := range c.Parameters {
		if !strings.HasPrefix(p.Name, keptMeta) || p.Value.Kind != tensor.JSONValue {
			kept = append(kept, p)
		}
	}
	if len(m.Routing) > 0 {
		kept = append(kept, tensor.Parameter{Name: keptMeta + "routing", Value: tensor.JSONOf(string(m.appendRouting(nil)))})
	}
	if len(m.RequestPath) > 0 {
		kept = append(kept, tensor.Parameter{Name: keptMeta + "requestPath", Value: tensor.JSONOf(string(m.appendPath(nil)))})
	}
	if len(m.Metrics) > 0 {
		kept = append(kept, tensor.Parameter{Name: keptMeta + "metrics", Value: tensor.JSONOf(string(m.appendMetrics(nil)))})
	}
	for _, p := range m.others {
		kept = append(kept, tensor.Parameter{Name: keptMeta + p.Name, Value: p.Value})
	}
	if c.Parameters = kept; len(kept) == 0 {
		c.Parameters = nil
	}
}
