package accesslog

import (
	"fmt"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	streamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/config/strict"
)

// decoded is one access log, checked.
type decoded struct {
	sink   string
	format *Format
	filter chooser
}

func decode(configs []*accesslogv3.AccessLog) ([]decoded, error) {
	ds := make([]decoded, 0, len(configs))
	for i, c := range configs {
		d, err := decodeOne(c)
		if err != nil {
			return nil, strict.At(fmt.Sprintf("access_log[%d]", i), err)
		}
		ds = append(ds, d)
	}
	return ds, nil
}

func decodeOne(c *accesslogv3.AccessLog) (decoded, error) {
	d, err := decodeLogger(c.GetTypedConfig())
	if err != nil {
		return d, strict.At("typed_config", err)
	}
	if c.GetFilter() != nil {
		if d.filter, err = newFilter(c.GetFilter()); err != nil {
			return d, strict.At("filter", err)
		}
	}
	return d, nil
}

func decodeLogger(a *anypb.Any) (d decoded, err error) {
	switch name := strict.TypeName(a); name {
	case "envoy.extensions.access_loggers.file.v3.FileAccessLog":
		m := new(filev3.FileAccessLog)
		if err = strict.Any(a, m); err != nil {
			return d, err
		}
		switch d.sink = m.GetPath(); d.sink {
		case "":
			return d, fmt.Errorf("path: empty")
		case "/dev/stdout": // a pipe or a terminal that others write to as well: one buffer for all of them
			d.sink = stdout
		case "/dev/stderr":
			d.sink = stderr
		}
		d.format, err = fileFormat(m)
	case "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog":
		m := new(streamv3.StdoutAccessLog)
		if err = strict.Any(a, m); err != nil {
			return d, err
		}
		d.sink = stdout
		d.format, err = substitution(m.GetLogFormat())
	case "envoy.extensions.access_loggers.stream.v3.StderrAccessLog":
		m := new(streamv3.StderrAccessLog)
		if err = strict.Any(a, m); err != nil {
			return d, err
		}
		d.sink = stderr
		d.format, err = substitution(m.GetLogFormat())
	default:
		return d, &strict.Unsupported{Field: "type " + name, Why: "use FileAccessLog, StdoutAccessLog or StderrAccessLog"}
	}
	return d, err
}

func fileFormat(m *filev3.FileAccessLog) (*Format, error) {
	switch f := m.GetAccessLogFormat().(type) {
	case *filev3.FileAccessLog_Format:
		if f.Format == "" {
			return ParseText(Default)
		}
		return ParseText(f.Format)
	case *filev3.FileAccessLog_JsonFormat:
		return ParseJSON(f.JsonFormat, false)
	case *filev3.FileAccessLog_TypedJsonFormat:
		return ParseJSON(f.TypedJsonFormat, false)
	case *filev3.FileAccessLog_LogFormat:
		return substitution(f.LogFormat)
	}
	return ParseText(Default)
}

// substitution compiles a SubstitutionFormatString.
func substitution(m *corev3.SubstitutionFormatString) (*Format, error) {
	if m == nil {
		return ParseText(Default)
	}
	// sort_properties is always on; content_type is for replies. Formatters that a mesh lists without using them do no harm:
	// an operator of theirs is refused by its name.
	if err := strict.Fields(m, "text_format", "json_format", "text_format_source", "omit_empty_values", "content_type",
		"json_format_options", "formatters"); err != nil {
		return nil, strict.At("log_format", err)
	}
	var f *Format
	var err error
	switch k := m.GetFormat().(type) {
	case *corev3.SubstitutionFormatString_TextFormat:
		f, err = ParseText(k.TextFormat)
	case *corev3.SubstitutionFormatString_JsonFormat:
		return ParseJSON(k.JsonFormat, m.GetOmitEmptyValues())
	case *corev3.SubstitutionFormatString_TextFormatSource:
		s, ok := k.TextFormatSource.GetSpecifier().(*corev3.DataSource_InlineString)
		if !ok {
			return nil, &strict.Unsupported{Field: "log_format.text_format_source", Why: "use inline_string"}
		}
		f, err = ParseText(s.InlineString)
	default:
		return nil, fmt.Errorf("log_format: set text_format_source or json_format")
	}
	if err != nil {
		return nil, err
	}
	f.empty = m.GetOmitEmptyValues()
	return f, nil
}
