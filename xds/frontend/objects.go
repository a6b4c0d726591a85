package frontend

import (
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// Objects is what a front end makes of one object.
type Objects struct {
	Servers []*Server
	Models  []*Model
	Graphs  []*Graph
}

// Server is one process or service with a protocol; many models may live in it.
type Server struct {
	Namespace, Name string
	// Place is the name by which a binding file calls it, and under which it runs: Name, or a SeldonDeployment's
	// DEPLOYMENT/CONTAINER.
	Place    string
	Protocol Protocol
	// URLs are replicas and transports; none where the server is started or found elsewhere.
	URLs []URL
	// Run, where set, is how `millrace up` starts it.
	Run *Run
	// Discover asks the server's repository index for its models.
	Discover bool
	// Prefix stands before every path of the protocol.
	Prefix      string
	Headers     []*pb.HeaderField
	Timeout     time.Duration
	Idempotence pb.Idempotence
	TLS         *TLS
	// Binary says that the server takes the binary tensor extension.
	Binary bool
	// External says that the name of a URL's host is a service in the cluster's DNS: a Server object of that name stands for it.
	External bool
	Pos      ast.Position
	Origin   string // the kind of object that it came from
}

// Transport of a URL.
type Transport uint8

// REST is HTTP/1.1; GRPC is HTTP/2.
const (
	REST Transport = iota
	GRPC
)

// URL is one address of a server.
type URL struct {
	Transport Transport
	TLS       bool
	Host      string
	Port      int
	Path      string
	Pos       ast.Position
}

// TLS is how a server's certificate is checked.
type TLS struct {
	CAFile     string
	ServerName string
}

// Run is a local process.
type Run struct {
	Command      []string
	Env          map[string]string
	Dir          string // where relative paths start: the file's directory
	Replicas     int
	Ready        string // a path that answers 200 once the server is ready; empty: the protocol's own
	Python       string // file.py:function, wrapped and served over Open Inference
	Requirements []string
	Environment  string // a prepared Python environment
	Ports        []int  // fixed ports: HTTP, then gRPC; none: the system chooses
	Pos          ast.Position
}

// Model is a question and the server that answers it.
type Model struct {
	Namespace, Name string
	Server          string // the Server's name in the same namespace
	Remote, Version string // the names at the server
	Path            string // plain and opaque: the path that is called
	// Opaque calls the server with bodies as they are, whatever its protocol; an empty Path is then the protocol's own.
	Opaque      bool
	Contract    *contract.Contract
	Positions   map[string]ast.Position // of the contract's fields, by algebra.FieldKey
	Askable     *bool                   // nil: as the place of use says
	Pure        bool
	Timeout     time.Duration
	Idempotence pb.Idempotence
	Headers     []*pb.HeaderField
	Pos         ast.Position
}

// Graph is an inference graph with its address in its own world.
type Graph struct {
	*ast.Graph
	Address *pb.Address
	// AskableSet says that the object itself decides Askable; else the place of use does.
	AskableSet bool
}

// Protocol is what a server speaks, whatever the transport.
type Protocol string

// The protocols of Server objects. Opaque is KServe's serviceUrl: bodies pass as they are.
const (
	OpenInference Protocol = "oip"
	Seldon        Protocol = "seldon"
	KServeV1      Protocol = "kserve-v1"
	TFServing     Protocol = "tf-serving"
	MLflow        Protocol = "mlflow"
	BentoML       Protocol = "bentoml"
	OpenAI        Protocol = "openai"
	Plain         Protocol = "plain"
	Opaque        Protocol = "opaque"
)

// Protocols lists what a Server's `protocol` may be.
var Protocols = []string{string(OpenInference), string(Seldon), string(KServeV1), string(TFServing), string(MLflow), string(BentoML), string(OpenAI), string(Plain)}

// Dialect returns the dialect of p over t, and whether there is one that Millrace speaks to servers.
func (p Protocol) Dialect(t Transport) (message.Dialect, bool) {
	type key struct {
		p Protocol
		t Transport
	}
	d, ok := map[key]message.Dialect{
		{OpenInference, REST}: message.OpenInferenceREST,
		{OpenInference, GRPC}: message.OpenInferenceGRPC,
		{Seldon, REST}:        message.SeldonREST,
		{Seldon, GRPC}:        message.SeldonGRPC,
		{TFServing, REST}:     message.TFServingREST,
		{TFServing, GRPC}:     message.TFServingGRPC,
		{BentoML, REST}:       message.BentoML,
		{OpenAI, REST}:        message.OpenAI,
		{KServeV1, REST}:      message.KServeV1,
		{MLflow, REST}:        message.MLflow,
		{Plain, REST}:         message.Plain,
		{Opaque, REST}:        message.Opaque,
	}[key{p, t}]
	return d, ok
}
