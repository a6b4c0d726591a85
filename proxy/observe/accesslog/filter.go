package accesslog

import (
	"fmt"
	"slices"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/router"
)

// chooser decides which requests are logged.
type chooser interface{ takes(*Entry) bool }

type (
	allOf []chooser
	anyOf []chooser
	// compare compares the status or the duration in milliseconds.
	compare struct {
		duration bool
		op       accesslogv3.ComparisonFilter_Op
		value    int64
	}
	anyFlag router.Flags
)

func newFilter(m *accesslogv3.AccessLogFilter) (chooser, error) {
	switch f := m.GetFilterSpecifier().(type) {
	case *accesslogv3.AccessLogFilter_AndFilter:
		fs, err := newFilters(f.AndFilter.GetFilters())
		return allOf(fs), err
	case *accesslogv3.AccessLogFilter_OrFilter:
		fs, err := newFilters(f.OrFilter.GetFilters())
		return anyOf(fs), err
	case *accesslogv3.AccessLogFilter_StatusCodeFilter:
		return newCompare(f.StatusCodeFilter.GetComparison(), false)
	case *accesslogv3.AccessLogFilter_DurationFilter:
		return newCompare(f.DurationFilter.GetComparison(), true)
	case *accesslogv3.AccessLogFilter_ResponseFlagFilter:
		return newFlags(f.ResponseFlagFilter.GetFlags()), nil
	}
	field := ""
	if fd := m.ProtoReflect().WhichOneof(m.ProtoReflect().Descriptor().Oneofs().ByName("filter_specifier")); fd != nil {
		field = string(fd.Name())
	}
	return nil, &strict.Unsupported{Field: field, Why: "use status_code_filter, duration_filter, response_flag_filter, and_filter or or_filter"}
}

func newFilters(ms []*accesslogv3.AccessLogFilter) ([]chooser, error) {
	fs := make([]chooser, 0, len(ms))
	for i, m := range ms {
		f, err := newFilter(m)
		if err != nil {
			return nil, strict.At(fmt.Sprintf("filters[%d]", i), err)
		}
		fs = append(fs, f)
	}
	return fs, nil
}

func newCompare(m *accesslogv3.ComparisonFilter, duration bool) (chooser, error) {
	if m == nil {
		return nil, fmt.Errorf("comparison: missing")
	}
	if _, known := accesslogv3.ComparisonFilter_Op_name[int32(m.GetOp())]; !known {
		return nil, fmt.Errorf("comparison.op: %d is unknown", m.GetOp())
	}
	return &compare{duration: duration, op: m.GetOp(), value: int64(m.GetValue().GetDefaultValue())}, nil
}

func (fs allOf) takes(e *Entry) bool {
	for _, f := range fs {
		if !f.takes(e) {
			return false
		}
	}
	return true
}

func (fs anyOf) takes(e *Entry) bool {
	for _, f := range fs {
		if f.takes(e) {
			return true
		}
	}
	return false
}

func (c *compare) takes(e *Entry) bool {
	if e.Info == nil {
		return false
	}
	v := int64(e.Info.Status)
	if c.duration {
		v = e.Info.Done.Milliseconds()
	}
	switch c.op {
	case accesslogv3.ComparisonFilter_GE:
		return v >= c.value
	case accesslogv3.ComparisonFilter_LE:
		return v <= c.value
	case accesslogv3.ComparisonFilter_NE:
		return v != c.value
	}
	return v == c.value
}

// newFlags resolves flags by their letters; none at all means any. A flag that the proxy never sets never matches.
func newFlags(names []string) anyFlag {
	if len(names) == 0 {
		return ^anyFlag(0)
	}
	var set anyFlag
	for f := router.Flags(1); f != 0; f <<= 1 {
		if slices.Contains(names, f.String()) {
			set |= anyFlag(f)
		}
	}
	return set
}

func (set anyFlag) takes(e *Entry) bool { return e.Info != nil && anyFlag(e.Info.Flags)&set != 0 }
