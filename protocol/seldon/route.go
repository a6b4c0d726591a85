package seldon

import (
	"math"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// All is the route to all children.
const All = -1

// ParseRoute reads a router's reply as Seldon's executor does: the first value of data.ndarray ([1] or [[1]]), data.tensor,
// data.tftensor's int_val, or a bare array; a fraction is cut off. Where there is no data it is All. What is no route (an empty array, text,
// a number that no branch can have) is a failure. Whether there is such a branch is the caller's to check.
func ParseRoute(w *message.Wire) (int, error) {
	if w.Dialect == message.SeldonGRPC {
		return parseRouteGRPC(w.Body.Bytes())
	}
	s := jsontext.NewScanner(w.Body.Bytes())
	route, found := All, false
	switch kind := s.Kind(); kind {
	case jsontext.Array:
		route, found = first(&s), true
	case jsontext.Object:
		for s.Object(); s.NextKey(); {
			if string(s.Key()) == "data" && s.Kind() == jsontext.Object {
				if r, ok := routeOf(&s); ok {
					route, found = r, true
				}
				continue
			}
			s.Skip()
		}
	case jsontext.None:
		s.Skip()
	default:
		s.Fail("expected a SeldonMessage or an array, found %s", kind)
	}
	if err := s.End(); err != nil {
		return 0, noRoute(err.Error())
	}
	if !found {
		return All, nil
	}
	return route, nil
}

func noRoute(why string) *message.Failure {
	return &message.Failure{Code: jsontensor.CodeMalformed, Kind: message.BadReply, Detail: "the router's reply is no route: " + why,
		Remedy: `a router answers {"data":{"ndarray":[[N]]}}`}
}

// parseRouteGRPC reads a router's reply over gRPC.
func parseRouteGRPC(b []byte) (int, error) {
	var d grpcDecoder
	if err := d.decode(b); err != nil {
		return 0, noRoute(detail(err))
	}
	if len(d.c.Tensors) == 0 || d.payload.Number != fieldData {
		return All, nil
	}
	t := &d.c.Tensors[0]
	v, ok := t.Float64At(0)
	switch {
	case t.Len() == 0:
		return 0, noRoute("expected the number of a branch, found an empty array")
	case !ok || t.Datatype == tensor.Bool || !(math.Abs(v) <= math.MaxInt32): // no number, or NaN
		return 0, noRoute("expected the number of a branch, found " + t.Preview())
	}
	return int(v), nil
}

// routeOf reads the member data and returns the route in it, if any.
func routeOf(s *jsontext.Scanner) (route int, found bool) {
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); string(key) {
		case "ndarray":
			if !s.TryNull() {
				route, found = first(s), true
			}
		case "tensor":
			if r, ok := memberOf(s, "values"); ok {
				route, found = r, true
			}
		case "tftensor":
			if r, ok := memberOf(s, "intVal"); ok {
				route, found = r, true
			}
		default:
			s.Skip()
		}
	}
	return route, found
}

func memberOf(s *jsontext.Scanner, name string) (route int, found bool) {
	if s.TryNull() {
		return 0, false
	}
	for s.Object(); s.NextKey(); {
		if same(s.Key(), name) {
			route, found = first(s), true
			continue
		}
		s.Skip()
	}
	return route, found
}

// first reads an array and returns the first number in it or in its first row.
func first(s *jsontext.Scanner) int {
	route, n := 0, 0
	for s.Array(); s.NextElement(); n++ {
		switch {
		case n > 0:
			s.Skip()
		case s.Kind() == jsontext.Array:
			route = first(s)
		default:
			text := s.Number()
			if s.Err() != nil {
				return 0
			}
			v, err := tensor.ParseFloat(text)
			if err != nil || math.Abs(v) > math.MaxInt32 {
				s.Fail("expected the number of a branch, found %s", text)
				return 0
			}
			route = int(v)
		}
	}
	if n == 0 {
		s.Fail("expected the number of a branch, found an empty array")
	}
	return route
}
