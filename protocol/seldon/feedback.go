package seldon

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
)

// Feedback says how good a reply was.
type Feedback struct {
	// Dialect is message.SeldonREST or message.SeldonGRPC: that of the messages below.
	Dialect message.Dialect
	// Request, Response and Truth are SeldonMessages as they stand, views of the wire; nil where absent.
	Request, Response, Truth []byte
	Reward                   float32
}

// ParseFeedback reads a Feedback of either transport. The messages in it are not decoded.
func ParseFeedback(w *message.Wire) (Feedback, error) {
	switch {
	case w.Dialect == message.SeldonGRPC:
		return parseFeedbackGRPC(w.Body.Bytes())
	case w.Dialect == message.SeldonREST && !isForm(w):
		return parseFeedbackREST(w.Body.Bytes())
	}
	return Feedback{}, noForm("feedback came in %s, which has none; only clients of Seldon send it, as JSON or over gRPC", w.Dialect)
}

func parseFeedbackREST(text []byte) (Feedback, error) {
	f := Feedback{Dialect: message.SeldonREST}
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); {
		case s.TryNull():
		case string(key) == "request":
			f.Request = object(&s)
		case string(key) == "response":
			f.Response = object(&s)
		case string(key) == "truth":
			f.Truth = object(&s)
		case string(key) == "reward":
			f.Reward = readFloat32(&s)
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return Feedback{}, malformed("malformed feedback: %v", err)
	}
	return f, nil
}

func object(s *jsontext.Scanner) []byte {
	if k := s.Kind(); k != jsontext.Object {
		s.Fail("expected a SeldonMessage, an object, found %s", k)
	}
	return s.Skip()
}

func parseFeedbackGRPC(b []byte) (Feedback, error) {
	f := Feedback{Dialect: message.SeldonGRPC}
	for len(b) > 0 {
		g, rest, ok := protobuf.Next(b)
		if !ok {
			return Feedback{}, protobuf.Truncated("feedback")
		}
		b = rest
		switch {
		case g.Is(1, protowire.BytesType):
			f.Request = joined(f.Request, g.Bytes)
		case g.Is(2, protowire.BytesType):
			f.Response = joined(f.Response, g.Bytes)
		case g.Is(3, protowire.Fixed32Type):
			f.Reward = math.Float32frombits(uint32(g.Num))
		case g.Is(4, protowire.BytesType):
			f.Truth = joined(f.Truth, g.Bytes)
		}
	}
	return f, nil
}

// joined is a message that came in pieces; it is not nil.
func joined(b, piece []byte) []byte {
	if len(b) > 0 {
		return append(b, piece...)
	}
	if piece == nil {
		return []byte{}
	}
	return piece
}

// Append appends the feedback in its dialect.
func (f *Feedback) Append(dst []byte) []byte {
	if f.Dialect == message.SeldonGRPC {
		for i, b := range [...][]byte{f.Request, f.Response} {
			if b != nil {
				dst = protobuf.AppendBytes(dst, protowire.Number(i+1), b)
			}
		}
		if bits := math.Float32bits(f.Reward); bits != 0 {
			dst = protowire.AppendFixed32(protowire.AppendTag(dst, 3, protowire.Fixed32Type), bits)
		}
		if f.Truth != nil {
			dst = protobuf.AppendBytes(dst, 4, f.Truth)
		}
		return dst
	}
	dst = append(dst, '{')
	if f.Request != nil {
		dst = append(append(dst, `"request":`...), f.Request...)
	}
	if f.Response != nil {
		dst = append(append(comma(dst, '{'), `"response":`...), f.Response...)
	}
	dst = appendFloat32(append(comma(dst, '{'), `"reward":`...), f.Reward)
	if f.Truth != nil {
		dst = append(append(dst, `,"truth":`...), f.Truth...)
	}
	return append(dst, '}')
}

// Route returns which child of a node gave the reply: what the response's meta.routing says, or All where it says nothing or cannot be read.
// Whether there is such a child is the caller's to check.
func (f *Feedback) Route(node string) int {
	if f.Response == nil {
		return All
	}
	b := body.Of(f.Response)
	defer b.Release()
	m, err := ReadMeta(&message.Wire{Dialect: f.Dialect, Body: b})
	if err != nil {
		return All
	}
	for _, r := range m.Routing {
		if r.Node == node {
			return int(r.Route)
		}
	}
	return All
}

// Convert returns the feedback in the other transport's dialect, its messages decoded and encoded anew.
func (f *Feedback) Convert(to message.Dialect) (Feedback, error) {
	if f.Dialect == to {
		return *f, nil
	}
	out := Feedback{Dialect: to, Reward: f.Reward}
	for _, m := range [...]struct {
		name     string
		from, to *[]byte
	}{{"request", &f.Request, &out.Request}, {"response", &f.Response, &out.Response}, {"truth", &f.Truth, &out.Truth}} {
		if *m.from == nil {
			continue
		}
		var err error
		if *m.to, err = convert(*m.from, f.Dialect, to); err != nil {
			return Feedback{}, malformed("feedback: %s: %s", m.name, detail(err))
		}
	}
	return out, nil
}

// codecOf returns the codec of one of the two transports.
func codecOf(d message.Dialect) message.Codec {
	if d == message.SeldonGRPC {
		return GRPC{}
	}
	return Codec{}
}

func convert(b []byte, from, to message.Dialect) ([]byte, error) {
	w := &message.Wire{Dialect: from, Body: body.Of(b), JSONLength: -1}
	c, err := codecOf(from).DecodeRequest(w)
	if err != nil {
		return nil, err
	}
	out, err := codecOf(to).EncodeReply(message.FromContent(c), &message.Asking{Wire: w, Request: c})
	if err != nil {
		return nil, err
	}
	return out.Body.AppendTo([]byte{}), nil
}

// feedbackFor returns the feedback that m's bytes are for a server of a dialect.
func feedbackFor(m *message.Message, to message.Dialect) (*message.Wire, error) {
	w := m.Wire()
	if w == nil {
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "feedback was not sent by a client: there are no bytes to pass on"}
	}
	if w.Dialect == to {
		return &message.Wire{Dialect: to, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1}, nil
	}
	f, err := ParseFeedback(w)
	if err != nil {
		return nil, err
	}
	if f, err = f.Convert(to); err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: to, Body: body.Of(f.Append(nil)), JSONLength: -1}, nil
}
