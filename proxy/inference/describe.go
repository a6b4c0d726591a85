package inference

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/openai"
	"github.com/millrace/millrace/protocol/tfserving"
	"github.com/millrace/millrace/proxy/inference/catalog"
)

// describe answers what is no inference: health, metadata, lists.
func (s *session) describe(snap *catalog.Snapshot) {
	allowed := []string{http.MethodGet, http.MethodHead}
	if s.address.action == index {
		allowed = append(allowed, http.MethodPost) // as Triton's clients ask
	}
	if !s.method(allowed...) {
		return
	}
	switch s.address.action {
	case live:
		s.liveness(true)
		return
	case serverReady:
		s.liveness(s.filter.Ready == nil || s.filter.Ready())
		return
	case serverMetadata:
		meta := oip.ServerMetadata{Name: "millrace", Version: Version, Extensions: []string{"binary_tensor_data"}}
		if s.client.GRPC() {
			s.answer(meta.AppendGRPC(nil))
		} else {
			s.answer(meta.AppendJSON(nil))
		}
		return
	case list:
		s.answer(appendList(nil, snap.Names()))
		return
	case index:
		var entries []oip.IndexEntry
		for _, n := range snap.Names() {
			entries = append(entries, oip.IndexEntry{Name: n, State: "READY"})
		}
		if s.client.GRPC() {
			s.answer(oip.AppendIndexGRPC(nil, entries))
		} else {
			s.answer(oip.AppendIndex(nil, entries))
		}
		return
	}
	if f := s.named(snap); f != nil {
		s.refuse(f)
		return
	}
	switch {
	case s.address.action == ready:
		s.readiness()
	case s.address.action == metadata && !s.serverSays():
		s.metadata()
	default:
		s.pass()
	}
}

// named finds the model that is meant; over gRPC the message names it.
func (s *session) named(snap *catalog.Snapshot) *message.Failure {
	if s.address.world == inBody {
		if f := s.receive(); f != nil {
			return f
		}
		name, version, err := peekModel(s.client, s.wire.Body)
		if err != nil {
			return requestFailure(err)
		}
		if name == "" && s.address.action == own {
			return &message.Failure{Code: CodeUnsupported, Kind: message.Unimplemented, Detail: "this is not offered for all models at once", Remedy: "name one model"}
		}
		s.address.name, s.address.version = []byte(name), []byte(version)
	}
	return s.find(snap)
}

// liveness answers for the proxy itself.
func (s *session) liveness(ok bool) {
	switch {
	case s.client.GRPC():
		s.answer(oip.AppendReadyGRPC(nil, ok))
	case s.address.action == live:
		s.answer([]byte(`{"live":true}`))
	case ok:
		s.answer([]byte(`{"ready":true}`))
	default:
		s.answerStatus([]byte(`{"ready":false}`), http.StatusBadRequest) // as Triton answers
	}
}

// readiness answers whether every part of the plan has an endpoint that is up.
func (s *session) readiness() {
	ok := s.isReady()
	switch {
	case s.client == message.TFServingGRPC:
		s.answer(tfserving.AppendStatusGRPC(nil, s.versions(ok)))
		return
	case s.client == message.TFServingREST:
		s.answer(tfserving.AppendStatus(nil, s.versions(ok)))
		return
	case s.client == message.OpenAI:
		s.answer(openai.AppendModel(nil, s.shownName(), "millrace"))
		return
	case s.client.GRPC():
		s.answer(oip.AppendReadyGRPC(nil, ok))
		return
	case s.client == message.SeldonREST:
		if ok || s.alive() {
			s.answer([]byte(`{"status":"ok"}`))
		} else {
			s.answerStatus([]byte(`{"status":"not ready"}`), http.StatusServiceUnavailable)
		}
		return
	}
	b := oip.AppendReady(nil, s.shownName(), ok)
	status := http.StatusOK
	if !ok {
		status = http.StatusServiceUnavailable
		if s.client == message.OpenInferenceREST {
			status = http.StatusBadRequest // as Triton answers
		}
	}
	s.answerStatus(b, status)
}

// alive tells whether Seldon's /live is asked, which looks at no server.
func (s *session) alive() bool {
	path, _ := s.d.Head().SplitPath()
	return bytes.HasSuffix(path, []byte("/live"))
}

// versions is the model's standing as TensorFlow Serving tells it.
func (s *session) versions(ok bool) []tfserving.VersionStatus {
	v := tfserving.VersionStatus{Version: 1, State: tfserving.StateAvailable}
	if n, err := strconv.ParseInt(string(s.address.version), 10, 64); err == nil {
		v.Version = n
	}
	if !ok {
		v.State = tfserving.StateUnknown
	}
	return []tfserving.VersionStatus{v}
}

func (s *session) isReady() bool {
	for _, c := range s.target.Plan.Calls {
		m, _ := c.Model.Handle.(*catalog.Model)
		if m == nil || !m.Up() {
			return false
		}
	}
	return true
}

// metadata answers a model's or a graph's inputs and outputs, from its contracts.
func (s *session) metadata() {
	p := s.target.Plan
	meta := oip.Metadata{Name: s.shownName(), Versions: []string{}, Platform: "millrace"}
	meta.Inputs, meta.Outputs = describeFields(p.Inputs), describeFields(p.Outputs)
	if s.client.GRPC() {
		s.answer(meta.AppendGRPC(nil))
		return
	}
	b, err := meta.AppendJSON(nil)
	if err != nil {
		s.refuse(requestFailure(err))
		return
	}
	s.answer(b)
}

func describeFields(fs []contract.Field) []oip.TensorMetadata {
	out := []oip.TensorMetadata{}
	for i := range fs {
		f := &fs[i]
		t := oip.TensorMetadata{Name: f.Name, Datatype: f.Type, Shape: []int64{-1}}
		for k, d := range f.Shape {
			if k > 0 && d.Size != 1 {
				t.Shape = append(t.Shape, d.Size)
			}
		}
		out = append(out, t)
	}
	return out
}

// appendList is a list of models that KServe's and OpenAI's clients both accept.
func appendList(dst []byte, names []string) []byte {
	dst = append(dst, `{"models":[`...)
	for i, n := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(dst, n)
	}
	dst = append(dst, `],"object":"list","data":[`...)
	for i, n := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"id":`...)
		dst = jsontext.AppendString(dst, n)
		dst = append(dst, `,"object":"model","created":0,"owned_by":"millrace"}`...)
	}
	return append(dst, `]}`...)
}

func (s *session) answer(b []byte) { s.answerStatus(b, http.StatusOK) }

func (s *session) answerStatus(b []byte, status int) {
	w := &message.Wire{Dialect: s.client, Body: body.Of(b), JSONLength: -1, Status: status}
	s.info.Detail = "millrace_metadata"
	if err := s.send(w, false); err != nil {
		s.fail(err)
	}
	w.Body.Release()
}
