package seldon

import (
	"strconv"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// readJSON reads the value of the member meta. Errors stick in s.
func (m *Meta) readJSON(s *jsontext.Scanner) {
	if s.TryNull() {
		return
	}
	for s.Object(); s.NextKey(); {
		switch key := string(s.Key()); key {
		case "puid":
			if !s.TryNull() {
				m.ID = s.Text()
			}
		case "tags":
			m.Tags = jsontensor.ReadParameters(s)
		default:
			m.readMember(key, s)
		}
	}
}

// readMember reads the value of any member but puid and tags.
func (m *Meta) readMember(key string, s *jsontext.Scanner) {
	switch key {
	case "routing":
		m.Routing = nil
		readEntries(s, &m.Routing, func(node string) NodeRoute {
			return NodeRoute{node, int32(readInteger(s, 32))}
		})
	case "requestPath":
		m.RequestPath = nil
		readEntries(s, &m.RequestPath, func(node string) NodeImage { return NodeImage{node, s.Text()} })
	case "metrics":
		m.Metrics = nil
		if s.TryNull() {
			return
		}
		for s.Array(); s.NextElement(); {
			if s.Kind() != jsontext.Object {
				s.Fail("expected a metric, an object, found %s", s.Kind())
				return
			}
			m.Metrics = append(m.Metrics, string(s.Skip()))
		}
	default:
		if len(m.others) == jsontensor.MaxNames {
			s.Fail("expected at most %d fields that are not known", jsontensor.MaxNames)
		}
		raw := s.Skip()
		if s.Err() == nil {
			m.others.Set(key, tensor.JSONOf(string(raw)))
		}
	}
}

// readEntries reads an object, or null, of a bounded number of entries.
func readEntries[E any](s *jsontext.Scanner, dst *[]E, read func(node string) E) {
	if s.TryNull() {
		return
	}
	for s.Object(); s.NextKey(); {
		if len(*dst) == jsontensor.MaxNames {
			s.Fail("expected at most %d nodes", jsontensor.MaxNames)
			return
		}
		node := string(s.Key())
		*dst = append(*dst, read(node))
	}
}

// readInteger reads an integer of so many bits, as a number or, as JSON of protobuf may have it, in quotes.
func readInteger(s *jsontext.Scanner, bits int) int64 {
	var text []byte
	if s.Kind() == jsontext.String {
		text = s.Bytes()
	} else {
		text = s.Number()
	}
	if s.Err() != nil {
		return 0
	}
	if v, err := strconv.ParseInt(string(text), 10, bits); err == nil {
		return v
	}
	t := tensor.Tensor{Datatype: tensor.Untyped, Shape: []int64{1}, Data: tensor.AppendBytes(nil, text)} // 1.0 and 1e0 are integers too
	v, ok := t.Int64At(0)
	if !ok || bits == 32 && v != int64(int32(v)) {
		s.Fail("expected an integer of %d bits, found %.40s", bits, text)
	}
	return v
}

// appendJSON appends the value of the member meta.
func (m *Meta) appendJSON(dst []byte) ([]byte, error) {
	dst = append(dst, '{')
	if m.ID != "" {
		dst = jsontext.AppendString(append(dst, `"puid":`...), m.ID)
	}
	if len(m.Tags) > 0 {
		var err error
		if dst, err = m.Tags.AppendJSON(append(comma(dst, '{'), `"tags":`...)); err != nil {
			return dst, message.Invalid(jsontensor.CodeNoForm, "tags: %v", err)
		}
	}
	if len(m.Routing) > 0 {
		dst = m.appendRouting(append(comma(dst, '{'), `"routing":`...))
	}
	if len(m.RequestPath) > 0 {
		dst = m.appendPath(append(comma(dst, '{'), `"requestPath":`...))
	}
	if len(m.Metrics) > 0 {
		dst = m.appendMetrics(append(comma(dst, '{'), `"metrics":`...))
	}
	for _, p := range m.others {
		dst = append(jsontext.AppendString(comma(dst, '{'), p.Name), ':')
		dst = append(dst, p.Value.String...)
	}
	return append(dst, '}'), nil
}

func (m *Meta) appendRouting(dst []byte) []byte {
	dst = append(dst, '{')
	for _, r := range m.Routing {
		dst = append(jsontext.AppendString(comma(dst, '{'), r.Node), ':')
		dst = strconv.AppendInt(dst, int64(r.Route), 10)
	}
	return append(dst, '}')
}

func (m *Meta) appendPath(dst []byte) []byte {
	dst = append(dst, '{')
	for _, p := range m.RequestPath {
		dst = append(jsontext.AppendString(comma(dst, '{'), p.Node), ':')
		dst = jsontext.AppendString(dst, p.Image)
	}
	return append(dst, '}')
}

func (m *Meta) appendMetrics(dst []byte) []byte {
	dst = append(dst, '[')
	for _, text := range m.Metrics {
		dst = append(comma(dst, '['), text...)
	}
	return append(dst, ']')
}
