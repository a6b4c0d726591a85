package admin

import (
	"strings"

	"github.com/cncf/xds/go/udpa/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const redacted = "[redacted]"

// redact hides the secrets of m, in place, those of messages packed in Anys as well. An Any that cannot be read is replaced by
// its type: what cannot be read cannot be shown to be harmless, nor be written as JSON.
func redact(m proto.Message) { redactIn(m.ProtoReflect()) }

func redactIn(m protoreflect.Message) {
	switch m.Descriptor().FullName() {
	case "google.protobuf.Any":
		if a, ok := m.Interface().(*anypb.Any); ok {
			redactAny(a)
		}
		return
	case "envoy.config.core.v3.HeaderValue":
		fields := m.Descriptor().Fields()
		if carriesCredentials(m.Get(fields.ByName("key")).String()) {
			hide(m, fields.ByName("value"))
			hide(m, fields.ByName("raw_value"))
		}
		return
	case "millrace.graph.v1.HeaderField": // usually from a secret, whatever its name
		hide(m, m.Descriptor().Fields().ByName("value"))
		return
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if sensitive(fd) {
			hide(m, fd)
			return true
		}
		each(fd, v, redactIn)
		return true
	})
}

// each calls f for the messages of a field's value.
func each(fd protoreflect.FieldDescriptor, v protoreflect.Value, f func(protoreflect.Message)) {
	switch {
	case fd.IsMap():
		if fd.MapValue().Message() != nil {
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { f(v.Message()); return true })
		}
	case fd.Message() == nil:
	case fd.IsList():
		for i := range v.List().Len() {
			f(v.List().Get(i).Message())
		}
	default:
		f(v.Message())
	}
}

func redactAny(a *anypb.Any) {
	if a.GetTypeUrl() == "" {
		return
	}
	inner, err := a.UnmarshalNew()
	if err == nil {
		redact(inner)
		err = a.MarshalFrom(inner)
	}
	if err != nil {
		note := &structpb.Struct{Fields: map[string]*structpb.Value{"unknown_type": structpb.NewStringValue(a.GetTypeUrl())}}
		_ = a.MarshalFrom(note) // a map of one string can be marshalled
	}
}

// sensitive tells whether Envoy's API marks a field as secret.
func sensitive(fd protoreflect.FieldDescriptor) bool {
	o, ok := fd.Options().(*descriptorpb.FieldOptions)
	if !ok || o == nil {
		return false
	}
	yes, _ := proto.GetExtension(o, annotations.E_Sensitive).(bool)
	return yes
}

// hide replaces all text and bytes below a field, and drops what is neither.
func hide(m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if fd == nil || !m.Has(fd) {
		return
	}
	if fd.Message() != nil && !fd.IsMap() {
		each(fd, m.Get(fd), hideAll)
		return
	}
	switch {
	case fd.IsList() || fd.IsMap():
		m.Clear(fd)
	case fd.Kind() == protoreflect.StringKind:
		m.Set(fd, protoreflect.ValueOfString(redacted))
	case fd.Kind() == protoreflect.BytesKind:
		m.Set(fd, protoreflect.ValueOfBytes([]byte(redacted)))
	default:
		m.Clear(fd)
	}
}

func hideAll(m protoreflect.Message) {
	if a, ok := m.Interface().(*anypb.Any); ok {
		proto.Reset(a)
		return
	}
	m.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		hide(m, fd)
		return true
	})
}

func carriesCredentials(header string) bool {
	header = strings.ToLower(header)
	for _, word := range [...]string{"authorization", "api-key", "apikey", "token", "secret", "password", "cookie"} {
		if strings.Contains(header, word) {
			return true
		}
	}
	return false
}
