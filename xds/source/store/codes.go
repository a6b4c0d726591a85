package store

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
)

// CodeNoAddress is the code of a server of which nothing says where it runs.
const CodeNoAddress message.Code = "MR310"

var _ = diagnostic.Register(diagnostic.Entry{
	Code: CodeNoAddress, Title: "nothing says where a server runs",
	Text: "A Server has no `urls` and no `command`, and no binding gives it one; or a SeldonDeployment's container has no endpoint. Calls to it answer 503.\n\nAdd `urls:` to the object, or an entry to a binding file beside it (millrace.local.yaml):\n\n    my-server: {urls: [\"http://127.0.0.1:9002\"]}\n    my-deployment/my-container:\n      command: [seldon-core-microservice, MyModel, --http-port, \"{port}\"]",
})
