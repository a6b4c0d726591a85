package router

import (
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/stream"
)

// headerOp is one change of a header.
type headerOp struct {
	kind        headerOpKind
	name, value string
}

type headerOpKind uint8

const (
	opRemove headerOpKind = iota
	opAppend
	opAddIfAbsent
	opOverwriteOrAdd
	opOverwriteIfExists
)

// mutation is a message's four fields of one level.
type mutation interface {
	GetRequestHeadersToAdd() []*corev3.HeaderValueOption
	GetRequestHeadersToRemove() []string
	GetResponseHeadersToAdd() []*corev3.HeaderValueOption
	GetResponseHeadersToRemove() []string
}

// headerOps are the changes of requests and responses of a route, all levels in the order in which they apply.
type headerOps struct{ request, response []headerOp }

// newHeaderOps joins levels in order.
func newHeaderOps(levels ...mutation) (headerOps, error) {
	var ops headerOps
	for _, m := range levels {
		var err error
		if ops.request, err = appendOps(ops.request, m.GetRequestHeadersToRemove(), m.GetRequestHeadersToAdd()); err != nil {
			return ops, fmt.Errorf("request_headers: %w", err)
		}
		if ops.response, err = appendOps(ops.response, m.GetResponseHeadersToRemove(), m.GetResponseHeadersToAdd()); err != nil {
			return ops, fmt.Errorf("response_headers: %w", err)
		}
	}
	return ops, nil
}

func appendOps(ops []headerOp, remove []string, add []*corev3.HeaderValueOption) ([]headerOp, error) {
	for _, name := range remove {
		if err := checkName(name); err != nil {
			return nil, err
		}
		ops = append(ops, headerOp{opRemove, name, ""})
	}
	for _, o := range add {
		if err := strict.Fields(o, "header", "append", "append_action", "keep_empty_value"); err != nil {
			return nil, err
		}
		name, value := o.GetHeader().GetKey(), o.GetHeader().GetValue()
		if raw := o.GetHeader().GetRawValue(); len(raw) > 0 {
			value = string(raw)
		}
		if err := checkName(name); err != nil {
			return nil, err
		}
		value, err := literal(name, value)
		if err != nil {
			return nil, err
		}
		if value == "" && !o.GetKeepEmptyValue() {
			continue // as in Envoy: an empty value adds nothing
		}
		kind := opAppend
		switch o.GetAppendAction() {
		case corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD:
			if o.GetAppend() != nil && !o.GetAppend().GetValue() {
				kind = opOverwriteOrAdd
			}
		case corev3.HeaderValueOption_ADD_IF_ABSENT:
			kind = opAddIfAbsent
		case corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD:
			kind = opOverwriteOrAdd
		case corev3.HeaderValueOption_OVERWRITE_IF_EXISTS:
			kind = opOverwriteIfExists
		}
		ops = append(ops, headerOp{kind, name, value})
	}
	return ops, nil
}

// checkName refuses what is no field name and what frames a message.
func checkName(name string) error {
	switch lower := strings.ToLower(name); lower {
	case "":
		return fmt.Errorf("a header without a name")
	case "host", "content-length", "transfer-encoding", "connection":
		return &strict.Unsupported{Field: "header " + name, Why: "it cannot be changed by a route; see host_rewrite_literal for the host"}
	default:
		for _, c := range []byte(lower) {
			if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
				return fmt.Errorf("header %q: not a name of a header", name)
			}
		}
	}
	return nil
}

// literal refuses Envoy's command operators, of which none is known here, and bytes that would split a message.
func literal(name, value string) (string, error) {
	if strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("header %s: its value has a line break", name)
	}
	out := strings.ReplaceAll(value, "%%", "\x00")
	if strings.Contains(out, "%") {
		return "", &strict.Unsupported{Field: fmt.Sprintf("header %s: command operator in %q", name, value), Why: "use a literal; %% is a percent sign"}
	}
	return strings.ReplaceAll(out, "\x00", "%"), nil
}

// apply changes h.
func apply(ops []headerOp, h *stream.Header) {
	for i := range ops {
		op := &ops[i]
		switch op.kind {
		case opRemove:
			h.Del(op.name)
		case opAppend:
			h.Add(op.name, op.value)
		case opAddIfAbsent:
			if !h.Has(op.name) {
				h.Add(op.name, op.value)
			}
		case opOverwriteOrAdd:
			h.Set(op.name, op.value)
		case opOverwriteIfExists:
			if h.Has(op.name) {
				h.Set(op.name, op.value)
			}
		}
	}
}
