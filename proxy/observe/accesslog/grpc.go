package accesslog

import (
	"bytes"
	"strconv"

	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// grpcNames are the codes' names in Envoy's two spellings.
var grpcNames = [...][2]string{
	{"OK", "OK"}, {"Canceled", "CANCELLED"}, {"Unknown", "UNKNOWN"}, {"InvalidArgument", "INVALID_ARGUMENT"},
	{"DeadlineExceeded", "DEADLINE_EXCEEDED"}, {"NotFound", "NOT_FOUND"}, {"AlreadyExists", "ALREADY_EXISTS"},
	{"PermissionDenied", "PERMISSION_DENIED"}, {"ResourceExhausted", "RESOURCE_EXHAUSTED"},
	{"FailedPrecondition", "FAILED_PRECONDITION"}, {"Aborted", "ABORTED"}, {"OutOfRange", "OUT_OF_RANGE"},
	{"Unimplemented", "UNIMPLEMENTED"}, {"Internal", "INTERNAL"}, {"Unavailable", "UNAVAILABLE"},
	{"DataLoss", "DATA_LOSS"}, {"Unauthenticated", "UNAUTHENTICATED"},
}

// grpc appends the gRPC status of a gRPC request, from the trailers or, for a response without a body, from the head.
func (op *operator) grpc(dst []byte, e *Entry, info *router.Info) ([]byte, bool) {
	if e.Request == nil || !router.IsGRPC(e.Request) {
		return dst, false
	}
	var v []byte
	for _, h := range [...]*stream.Header{&info.Trailers, &info.Response} {
		if v == nil {
			v = h.Get("grpc-status")
		}
	}
	n, ok := number(v)
	switch {
	case !ok:
		return dst, false
	case op.kind == grpcNumber:
		return strconv.AppendInt(dst, int64(n), 10), true
	case n >= len(grpcNames):
		return append(dst, "InvalidCode"...), true
	case op.snakeCase:
		return append(dst, grpcNames[n][1]...), true
	}
	return append(dst, grpcNames[n][0]...), true
}

func number(v []byte) (int, bool) {
	v = bytes.TrimSpace(v)
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1e6 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(v) > 0
}
