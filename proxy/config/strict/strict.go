package strict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Unsupported names a field that is set and that the proxy cannot honour.
type Unsupported struct {
	Field string // path of field names, as "lb_policy" or "route.hash_policy"
	Why   string // the way out; may be empty
}

func (e *Unsupported) Error() string {
	if e.Why == "" {
		return e.Field + ": not supported; remove the field"
	}
	return e.Field + ": not supported; " + e.Why
}

// Fields returns an [*Unsupported] for the first field of m (by name) that is set and not among allowed.
func Fields(m proto.Message, allowed ...string) error {
	if m == nil || !m.ProtoReflect().IsValid() {
		return nil
	}
	var bad []string
	m.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(allowed, string(fd.Name())) {
			bad = append(bad, string(fd.Name()))
		}
		return true
	})
	if len(bad) == 0 {
		return nil
	}
	slices.Sort(bad)
	return &Unsupported{Field: bad[0]}
}

// At puts a field's name before the path of an error; nil stays nil.
func At(field string, err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *Unsupported:
		return &Unsupported{Field: field + "." + e.Field, Why: e.Why}
	}
	return fmt.Errorf("%s: %w", field, err)
}

// Any decodes a into m, whose type a must have.
func Any(a *anypb.Any, m proto.Message) error {
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(a.GetValue(), m); err != nil {
		return fmt.Errorf("decode %s: %w", TypeName(a), err)
	}
	if want := string(m.ProtoReflect().Descriptor().FullName()); TypeName(a) != want {
		return fmt.Errorf("type %q: want %s", TypeName(a), want)
	}
	return nil
}

// TypeName returns the message name of an Any, without the host before it.
func TypeName(a *anypb.Any) string {
	url := a.GetTypeUrl()
	return url[strings.LastIndexByte(url, '/')+1:]
}

// Duration reads a field into dst, which stays as it is where the field is not set. An error names the field; a negative duration is one.
func Duration(field string, d *durationpb.Duration, dst *time.Duration) error {
	if d == nil {
		return nil
	}
	if *dst = d.AsDuration(); *dst < 0 {
		return fmt.Errorf("%s: negative", field)
	}
	return nil
}
