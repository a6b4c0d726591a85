package seldon

import (
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// metric is one custom metric of a node.
type metric struct {
	key   string
	kind  int32 // of metricKinds, or one that is not known
	value float32
	tags  []NodeImage // pairs of strings
}

var metricKinds = [...]string{"COUNTER", "GAUGE", "TIMER"}

func (m *metric) equal(other *metric) bool {
	return m.key == other.key && m.kind == other.kind && math.Float32bits(m.value) == math.Float32bits(other.value) && slices.Equal(m.tags, other.tags)
}

// readMetric reads a metric's JSON. Members that Seldon does not have are passed over.
func readMetric(text string) (m metric, err error) {
	s := jsontext.NewScanner([]byte(text))
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); {
		case s.TryNull():
		case string(key) == "key":
			m.key = s.Text()
		case string(key) == "type":
			m.kind = readKind(&s)
		case string(key) == "value":
			m.value = readFloat32(&s)
		case string(key) == "tags":
			readEntries(&s, &m.tags, func(name string) NodeImage { return NodeImage{name, s.Text()} })
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return m, malformed("meta.metrics: %v", err)
	}
	return m, nil
}

func readKind(s *jsontext.Scanner) int32 {
	if s.Kind() != jsontext.String {
		return int32(readInteger(s, 32))
	}
	name := s.Text()
	kind := slices.Index(metricKinds[:], name)
	if kind < 0 {
		s.Fail("expected COUNTER, GAUGE or TIMER, found %.40q", name)
	}
	return int32(kind)
}

// readFloat32 reads a number, or, as JSON of protobuf may have it, one in quotes.
func readFloat32(s *jsontext.Scanner) float32 {
	var text []byte
	if s.Kind() == jsontext.String {
		text = s.Bytes()
	} else {
		text = s.Number()
	}
	f, err := strconv.ParseFloat(string(text), 32)
	if err != nil {
		s.Fail("expected a number of 32 bits, found %.40s", text)
	}
	return float32(f)
}

// appendFloat32 appends a number of JSON; one that is not finite stands in quotes.
func appendFloat32(dst []byte, f float32) []byte {
	switch v := float64(f); {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	default:
		return tensor.AppendFloat(dst, v, 32)
	}
}

func (m *metric) appendJSON(dst []byte) []byte {
	dst = jsontext.AppendString(append(dst, `{"key":`...), m.key)
	dst = append(dst, `,"type":`...)
	if m.kind >= 0 && int(m.kind) < len(metricKinds) {
		dst = jsontext.AppendString(dst, metricKinds[m.kind])
	} else {
		dst = strconv.AppendInt(dst, int64(m.kind), 10)
	}
	dst = appendFloat32(append(dst, `,"value":`...), m.value)
	if len(m.tags) > 0 {
		dst = append(dst, `,"tags":{`...)
		for _, t := range m.tags {
			dst = append(jsontext.AppendString(comma(dst, '{'), t.Node), ':')
			dst = jsontext.AppendString(dst, t.Image)
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// readMetricGRPC reads a Metric.
func readMetricGRPC(b []byte) (m metric, err error) {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return m, protobuf.Truncated("a metric")
		}
		b = rest
		switch {
		case f.Is(1, protowire.BytesType):
			m.key, err = f.Text("a metric's key")
		case f.Is(2, protowire.VarintType):
			m.kind = int32(f.Num)
		case f.Is(3, protowire.Fixed32Type):
			m.value = math.Float32frombits(uint32(f.Num))
		case f.Is(4, protowire.BytesType):
			m.tags, err = appendPair(m.tags, f.Bytes, "a metric's tag")
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// appendPair reads an entry of a map<string, string>. The later of two with the same key counts.
func appendPair(dst []NodeImage, b []byte, what string) ([]NodeImage, error) {
	e, err := readEntry(b, what)
	if err != nil {
		return dst, err
	}
	text, err := e.value.Text(what)
	if err != nil {
		return dst, err
	}
	for i := range dst {
		if dst[i].Node == e.key {
			dst[i].Image = text
			return dst, nil
		}
	}
	if len(dst) == jsontensor.MaxNames {
		return dst, malformed("%s: expected at most %d entries", what, jsontensor.MaxNames)
	}
	return append(dst, NodeImage{e.key, text}), nil
}

func (m *metric) appendGRPC(dst []byte) []byte {
	if m.key != "" {
		dst = protobuf.AppendBytes(dst, 1, m.key)
	}
	if m.kind != 0 {
		dst = protobuf.AppendVarint(dst, 2, uint64(int64(m.kind)))
	}
	if bits := math.Float32bits(m.value); bits != 0 {
		dst = protowire.AppendFixed32(protowire.AppendTag(dst, 3, protowire.Fixed32Type), bits)
	}
	return appendPairs(dst, 4, m.tags)
}

func appendPairs(dst []byte, number protowire.Number, pairs []NodeImage) []byte {
	for _, p := range pairs {
		at := 0
		dst, at = protobuf.Open(dst, number)
		dst = protobuf.Seal(protobuf.AppendBytes(protobuf.AppendBytes(dst, 1, p.Node), 2, p.Image), at)
	}
	return dst
}
