package inference

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/proxy/inference/catalog"
)

// Codes of requests and of servers.
const (
	CodeFraming     message.Code = "MR460"
	CodeTooLarge    message.Code = "MR413"
	CodeUnsupported message.Code = "MR461"
	CodeMethod      message.Code = "MR462"
	CodeNoReply     message.Code = "MR501"
	CodeServerError              = catalog.CodeServerError
	CodeSlow        message.Code = "MR504"
	CodeBusy        message.Code = "MR529"
)

var _ = diagnostic.Register(
	diagnostic.Entry{Code: CodeFraming, Title: "a message is not framed as its protocol says",
		Text: "A gRPC message's prefix and its bytes do not agree, or the body is compressed in a way that is not understood (gzip and deflate are), or is not what its content-encoding says."},
	diagnostic.Entry{Code: CodeTooLarge, Title: "a body is too large",
		Text: "The request's or the reply's body exceeds the listener's limit (max_body_bytes of the inference filter). Send fewer rows at once, or raise the limit."},
	diagnostic.Entry{Code: CodeUnsupported, Title: "the address asks for something that is not offered",
		Text: "The path belongs to a protocol that is served here, and this call of it is not offered for models and graphs."},
	diagnostic.Entry{Code: CodeMethod, Title: "the HTTP method does not fit the address",
		Text: "Questions are sent by POST; metadata and readiness are read by GET."},
	diagnostic.Entry{Code: CodeNoReply, Title: "a model server cannot be reached",
		Text: "No connection could be made to any endpoint of the part's server, or the connection ended before the reply was complete and the request could not be sent again. The message names the part.\n\nLook at /clusters of the admin address for the endpoints and their health."},
	diagnostic.Entry{Code: CodeServerError, Title: "a model server answered with an error",
		Text: "The part's server took the request and answered with an error of its own; the message has its status and text. 4xx usually means that the contract does not fit the server."},
	diagnostic.Entry{Code: CodeSlow, Title: "a model server did not answer in time",
		Text: "The call's time was over: the client's deadline, the part's `timeout`, or the server's. The call was canceled and is not sent again."},
	diagnostic.Entry{Code: CodeBusy, Title: "the proxy holds as many bytes or requests as it may",
		Text: "The process's budget for bodies, or a limit of the cluster's circuit_breakers, is reached. Try again later."},
)
