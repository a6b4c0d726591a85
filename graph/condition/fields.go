package condition

import (
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// lookup is what all maps of conditions share: they can be asked for a key, and for nothing else.
type lookup struct{}

func (lookup) ConvertToNative(reflect.Type) (any, error) { return nil, errNoValue }
func (lookup) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errNoValue) }
func (lookup) Equal(ref.Val) ref.Val                     { return types.WrapErr(errNoValue) }
func (lookup) Type() ref.Type                            { return types.MapType }
func (lookup) Value() any                                { return nil }
func (lookup) Iterator() traits.Iterator {
	return types.NewRefValList(types.DefaultTypeAdapter, nil).Iterator()
}
func (lookup) Size() ref.Val { return types.WrapErr(errNoValue) }

func get(v ref.Val, found bool, key ref.Val) ref.Val {
	if !found {
		return types.NewErr("no such field: %v", key.Value())
	}
	return v
}

// fields is a message as a map from names to values.
type fields struct {
	lookup
	env *Env
	of  *message.Message
}

var _ traits.Mapper = fields{}

func (f fields) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return types.NewErr("a field has a name, not a number"), false
	}
	v, found := f.env.field(f.of, string(name))
	if types.IsError(v) {
		return v, false
	}
	return v, found
}

func (f fields) Get(key ref.Val) ref.Val {
	v, found := f.Find(key)
	if v != nil && !found {
		return v
	}
	return get(v, found, key)
}

func (f fields) Contains(key ref.Val) ref.Val {
	v, found := f.Find(key)
	if v != nil && !found {
		return v
	}
	return types.Bool(found)
}

// request is the message that reached the part, with what only a request has: headers, parameters, id and model.
type request struct{ fields }

func (r request) Find(key ref.Val) (ref.Val, bool) {
	name, _ := key.(types.String)
	if name == "headers" {
		return headers{head: r.env.Head}, true
	}
	if name == "parameters" || name == "id" || name == "model" {
		c, err := r.of.Content()
		switch {
		case err != nil:
			return r.env.fail(err), false
		case name == "id":
			return types.String(c.ID), true
		case name == "model":
			return types.String(c.Model), true
		}
		return parameters{of: c.Parameters}, true
	}
	return r.fields.Find(key)
}

func (r request) Get(key ref.Val) ref.Val {
	v, found := r.Find(key)
	if v != nil && !found {
		return v
	}
	return get(v, found, key)
}

// headers makes a string of a header field when it is read; the others cost nothing.
type headers struct {
	lookup
	head message.Head
}

func (h headers) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok || h.head == nil {
		return nil, false
	}
	v := h.head.Get(string(name))
	if v == nil {
		return nil, false
	}
	return types.String(v), true
}

func (h headers) Get(key ref.Val) ref.Val {
	v, found := h.Find(key)
	return get(v, found, key)
}

func (h headers) Contains(key ref.Val) ref.Val {
	_, found := h.Find(key)
	return types.Bool(found)
}

type parameters struct {
	lookup
	of tensor.Parameters
}

func (p parameters) Find(key ref.Val) (ref.Val, bool) {
	name, _ := key.(types.String)
	for i := range p.of {
		if p.of[i].Name == string(name) {
			return parameter(&p.of[i].Value), true
		}
	}
	return nil, false
}

func (p parameters) Get(key ref.Val) ref.Val {
	v, found := p.Find(key)
	return get(v, found, key)
}

func (p parameters) Contains(key ref.Val) ref.Val {
	_, found := p.Find(key)
	return types.Bool(found)
}
