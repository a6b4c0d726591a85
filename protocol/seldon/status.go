package seldon

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
)

// statusText is a Status as it came.
type statusText struct {
	code           string // a number's text
	info, reason   string
	failed, exists bool
}

// read reads a Status: its status is FAILURE or 1 (the wrapper writes the number, and −1 for the code).
func (st *statusText) read(s *jsontext.Scanner) {
	st.exists = true
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); string(key) {
		case "code":
			st.code = string(s.Skip())
		case "info":
			st.info = text(s)
		case "reason":
			st.reason = text(s)
		case "status":
			v := text(s)
			st.failed = v == "FAILURE" || v == "1"
		default:
			s.Skip()
		}
	}
}

// readGRPC reads a Status, or another piece of it.
func (st *statusText) readGRPC(b []byte) (err error) {
	st.exists = true
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("status")
		}
		b = rest
		switch {
		case f.Is(1, protowire.VarintType):
			st.code = strconv.Itoa(int(int32(f.Num)))
		case f.Is(2, protowire.BytesType):
			st.info, err = f.Text("status.info")
		case f.Is(3, protowire.BytesType):
			st.reason, err = f.Text("status.reason")
		case f.Is(4, protowire.VarintType):
			st.failed = int32(f.Num) == 1
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failure is that of a server which answered so, with a status of success around it and no payload.
func (st *statusText) failure() *message.Failure {
	return &message.Failure{Code: jsontensor.CodeMalformed, Kind: message.BadReply, Detail: "the server answered FAILURE: " + st.String()}
}

// text reads a string, or the text of any other value.
func text(s *jsontext.Scanner) string {
	if s.Kind() == jsontext.String {
		return s.Text()
	}
	if s.TryNull() {
		return ""
	}
	return string(s.Skip())
}

func (st *statusText) String() string {
	out := st.info
	if st.reason != "" {
		if out != "" {
			out = st.reason + ": " + out
		} else {
			out = st.reason
		}
	}
	if out == "" && st.code != "" {
		out = "code " + st.code
	}
	return out
}

// ErrorText returns what a server says in the body of an error: its reason and info, or the body's text where it is no
// Status. Over gRPC errors have no body: it is what a message's Status says, if any.
func ErrorText(w *message.Wire) string {
	if w.Dialect == message.SeldonGRPC {
		var d grpcDecoder
		_ = d.decode(w.Body.Bytes()) // what has been read is enough
		return d.status.String()
	}
	var d decoder
	if d.decode(w) == nil && d.status.exists {
		if s := d.status.String(); s != "" {
			return s
		}
	}
	return string(w.Body.Bytes()[:min(w.Body.Len(), 1<<10)])
}

// grpcStatus returns the gRPC code of a failure: its kind's, or that of the server's own answer.
func grpcStatus(f *message.Failure) int {
	if f.Kind != message.FailedUpstream || f.Reply == nil || f.Reply.Wire() == nil || f.Reply.Status() == 0 {
		return f.Kind.GRPC()
	}
	status := f.Reply.Status()
	if f.Reply.Wire().Dialect.GRPC() {
		return status
	}
	switch status {
	case 401:
		return 16
	case 408:
		return 4
	case 409:
		return 10
	case 502:
		return 14
	}
	return message.KindOf(status).GRPC()
}

// EncodeFailure renders f as a Status with its HTTP status. The error of a Seldon server passes as it came.
func (Codec) EncodeFailure(f *message.Failure, a *message.Asking) *message.Wire {
	if w := f.Own(message.SeldonREST); w != nil {
		return w
	}
	status := f.HTTPStatus()
	buf := append(make([]byte, 0, 256), `{"status":{"code":`...)
	buf = append(strconv.AppendInt(buf, int64(status), 10), `,"info":`...)
	bare := *f
	bare.Code = ""
	buf = jsontext.AppendString(buf, bare.Error())
	if f.Code != "" {
		buf = jsontext.AppendString(append(buf, `,"reason":`...), string(f.Code))
	}
	buf = append(buf, `,"status":"FAILURE"}`...)
	if a != nil && a.ID != "" {
		buf = jsontext.AppendString(append(buf, `,"meta":{"puid":`...), a.ID)
		buf = append(buf, '}')
	}
	buf = append(buf, '}')
	return &message.Wire{Dialect: message.SeldonREST, Body: body.Of(buf), JSONLength: -1, Status: status}
}
