package seldon

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// readGRPC reads a Meta, or another piece of it.
func (m *Meta) readGRPC(b []byte) (err error) {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("meta")
		}
		whole := b[:len(b)-len(rest)]
		b = rest
		switch {
		case f.Is(1, protowire.BytesType):
			m.ID, err = f.Text("meta.puid")
		case f.Is(2, protowire.BytesType):
			err = m.readTag(f.Bytes)
		case f.Is(3, protowire.BytesType):
			err = m.readRoute(f.Bytes)
		case f.Is(4, protowire.BytesType):
			m.RequestPath, err = appendPair(m.RequestPath, f.Bytes, "meta.requestPath")
		case f.Is(5, protowire.BytesType):
			var one metric
			if one, err = readMetricGRPC(f.Bytes); err == nil {
				m.Metrics = append(m.Metrics, string(one.appendJSON(nil)))
			}
		default:
			m.unknown = append(m.unknown, whole...)
		}
		if err != nil {
			return err
		}
	}
	m.Tags = m.Tags.Unique()
	return nil
}

func (m *Meta) readTag(b []byte) error {
	if len(m.Tags) == jsontensor.MaxNames {
		return malformed("meta.tags: expected at most %d", jsontensor.MaxNames)
	}
	e, err := readEntry(b, "meta.tags")
	if err != nil {
		return err
	}
	v, err := parameterOf(e.value.Bytes, "meta.tags")
	m.Tags = append(m.Tags, tensor.Parameter{Name: e.key, Value: v})
	return err
}

func (m *Meta) readRoute(b []byte) error {
	e, err := readEntry(b, "meta.routing")
	if err != nil {
		return err
	}
	if len(m.Routing) == jsontensor.MaxNames {
		return malformed("meta.routing: expected at most %d nodes", jsontensor.MaxNames)
	}
	route := int32(0)
	if e.value.Kind == protowire.VarintType {
		route = int32(e.value.Num)
	}
	m.SetRoute(e.key, route)
	return nil
}

// appendGRPC appends the content of a Meta. Members that are no fields of protobuf have no place in it.
func (m *Meta) appendGRPC(dst []byte) (_ []byte, err error) {
	if m.ID != "" {
		dst = protobuf.AppendBytes(dst, 1, m.ID)
	}
	for i := range m.Tags {
		pair, at := 0, 0
		dst, pair = protobuf.Open(dst, 2)
		dst = protobuf.AppendBytes(dst, 1, m.Tags[i].Name)
		dst, at = protobuf.Open(dst, 2)
		if dst, err = appendParameter(dst, m.Tags[i].Value); err != nil {
			return dst, noForm("tag %q: %v", m.Tags[i].Name, err)
		}
		dst = protobuf.Seal(protobuf.Seal(dst, at), pair)
	}
	for _, r := range m.Routing {
		at := 0
		dst, at = protobuf.Open(dst, 3)
		dst = protobuf.Seal(protobuf.AppendVarint(protobuf.AppendBytes(dst, 1, r.Node), 2, uint64(int64(r.Route))), at)
	}
	dst = appendPairs(dst, 4, m.RequestPath)
	for _, text := range m.Metrics {
		one, err := readMetric(text)
		if err != nil {
			return dst, err
		}
		at := 0
		dst, at = protobuf.Open(dst, 5)
		dst = protobuf.Seal(one.appendGRPC(dst), at)
	}
	return append(dst, m.unknown...), nil
}
