package message

// Dialect is a protocol over one transport: what a client or a server speaks.
type Dialect uint8

// The dialects. Opaque is any body that no part looks into, as KServe's router passes it; Plain is JSON of a plain REST service.
const (
	Opaque Dialect = iota
	OpenInferenceREST
	OpenInferenceGRPC
	SeldonREST
	SeldonGRPC
	KServeV1
	TFServingGRPC
	MLflow
	BentoML
	OpenAI
	Plain
	Ask
	TFServingREST
)

var dialectNames = [...]string{"opaque", "oip-rest", "oip-grpc", "seldon-rest", "seldon-grpc", "kserve-v1", "tfserving-grpc", "mlflow", "bentoml", "openai", "plain", "ask", "tfserving-rest"}

func (d Dialect) String() string {
	if int(d) < len(dialectNames) {
		return dialectNames[d]
	}
	return "unknown"
}

// GRPC tells whether the dialect's transport is gRPC. A Wire's body is then one message without the 5-byte prefix.
func (d Dialect) GRPC() bool {
	return d == OpenInferenceGRPC || d == SeldonGRPC || d == TFServingGRPC
}

// JSON tells whether bodies are one JSON value (or may be: Open Inference bodies with binary tensors say so in the Wire).
func (d Dialect) JSON() bool { return !d.GRPC() }

// Method is what is asked of a model server.
type Method uint8

// The methods of the algebra's call.
const (
	Predict Method = iota
	TransformInput
	TransformOutput
	Route
	Aggregate
	Explain
	Feedback
)

var methodNames = [...]string{"predict", "transform-input", "transform-output", "route", "aggregate", "explain", "feedback"}

func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return "unknown"
}
