package catalog

import (
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/bentoml"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/kservev1"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/mlflow"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/openai"
	"github.com/millrace/millrace/protocol/plain"
	"github.com/millrace/millrace/protocol/seldon"
	"github.com/millrace/millrace/protocol/tfserving"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/xds/api/algebra"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// Model is a model as the proxy calls it. It is immutable.
type Model struct {
	plan.Model
	Transports []Transport
	// Remote and Version are its names at its server.
	Remote, Version string
	Contract        *contract.Contract
	// Native says that fields are the server's tensors: the contract changes nothing.
	Native  bool
	Timeout time.Duration
	Headers []*pb.HeaderField
	waits   []*cluster.Ref
}

// Transport is one way to the server.
type Transport struct {
	Dialect message.Dialect
	Codec   message.Codec
	// DecodeReply reads a reply in the fields of the model's contract.
	DecodeReply message.Decode
	Cluster     *cluster.Ref
	Path        string
	Authority   string
	Binary      bool
}

// FullName returns namespace/name.
func (m *Model) FullName() string { return m.Namespace + "/" + m.Model.Name }

// Transport returns the way for a client that speaks d: the same dialect, else the same kind of transport, else the first.
func (m *Model) Transport(d message.Dialect) *Transport {
	for i := range m.Transports {
		if m.Transports[i].Dialect == d {
			return &m.Transports[i]
		}
	}
	for i := range m.Transports {
		if m.Transports[i].Dialect.GRPC() == d.GRPC() {
			return &m.Transports[i]
		}
	}
	return &m.Transports[0]
}

// newModel makes a model of a resource that was found to be valid.
func newModel(r *pb.Model, refs func(string) *cluster.Ref) (*Model, error) {
	c, found := algebra.DecodeContract(r)
	if len(found) > 0 {
		return nil, found[0]
	}
	m := &Model{Remote: r.GetRemoteName(), Version: r.GetRemoteVersion(), Contract: c, Timeout: r.GetTimeout().AsDuration(), Headers: r.GetHeaders()}
	m.Namespace, m.Model.Name, _ = strings.Cut(r.GetName(), "/")
	if m.Remote == "" {
		m.Remote = m.Model.Name
	}
	m.Native = c == nil || c.Identity()
	for _, t := range r.GetTransports() {
		d, _ := algebra.DecodeDialect(t.GetDialect())
		codec, err := codecOf(d, c)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", r.GetName(), err)
		}
		ref := refs(t.GetCluster())
		m.waits = append(m.waits, ref)
		m.Transports = append(m.Transports, Transport{Dialect: d, Codec: codec, DecodeReply: m.decodeReply(codec), Cluster: ref, Path: t.GetPath(), Authority: t.GetAuthority(), Binary: t.GetBinaryTensors()})
		m.Dialects = append(m.Dialects, d)
	}
	m.Model.Contract = c
	m.Batched, m.Pure, m.Askable = c.Batched(), r.GetPure(), r.GetAskable()
	m.Idempotent = r.GetIdempotence() == pb.Idempotence_IDEMPOTENCE_IDEMPOTENT ||
		r.GetIdempotence() == pb.Idempotence_IDEMPOTENCE_UNSPECIFIED && idempotent(m.Dialects[0])
	m.Handle = m
	return m, nil
}

// idempotent tells whether predict-like calls of a dialect may be sent again where nobody says anything.
func idempotent(d message.Dialect) bool {
	switch d {
	case message.OpenInferenceREST, message.OpenInferenceGRPC, message.SeldonREST, message.SeldonGRPC, message.KServeV1, message.TFServingREST, message.TFServingGRPC, message.MLflow:
		return true
	}
	return false
}

// codecOf returns the codec by which a server of that dialect is spoken to.
func codecOf(d message.Dialect, c *contract.Contract) (message.Codec, error) {
	switch d {
	case message.OpenInferenceREST:
		return oip.REST{}, nil
	case message.OpenInferenceGRPC:
		return oip.GRPC{}, nil
	case message.SeldonREST:
		return seldon.Codec{}, nil
	case message.SeldonGRPC:
		return seldon.GRPC{}, nil
	case message.TFServingREST:
		return tfserving.New(c)
	case message.TFServingGRPC:
		return tfserving.GRPC{}, nil
	case message.BentoML:
		return bentoml.New(c)
	case message.OpenAI:
		return openai.New(c)
	case message.KServeV1:
		return kservev1.New(c)
	case message.MLflow:
		return mlflow.New(c)
	case message.Plain, message.Opaque:
		return plain.New(c)
	}
	return nil, fmt.Errorf("dialect %s is not spoken to servers by this version", d)
}

// Up tells whether the model can be called: one of its clusters has an endpoint that is neither ejected nor failing its checks.
func (m *Model) Up() bool {
	for i := range m.Transports {
		c := m.Transports[i].Cluster.Load()
		if c == nil {
			continue
		}
		up := false
		c.Endpoints(func(h *cluster.Host, _ *cluster.Endpoint) bool {
			up = !h.Ejected() && !h.CheckFailed()
			return !up
		})
		if up {
			return true
		}
	}
	return false
}
