package message

// HTTPStatus returns the HTTP status with which a REST dialect answers the failure: its kind's, or, where a server answered
// with an error, that server's, translated from gRPC where it was one.
func (f *Failure) HTTPStatus() int {
	if f.Kind != FailedUpstream || f.Reply == nil || f.Reply.Wire() == nil {
		return f.Kind.HTTP()
	}
	w := f.Reply.Wire()
	if w.Dialect.GRPC() {
		return httpOfGRPC(w.Status)
	}
	if w.Status < 400 || w.Status > 599 {
		return f.Kind.HTTP()
	}
	return w.Status
}

// httpOfGRPC is the table of google.rpc.Code.
func httpOfGRPC(code int) int {
	switch code {
	case 1:
		return 499
	case 3, 9, 11:
		return 400
	case 4:
		return 504
	case 5:
		return 404
	case 6, 10:
		return 409
	case 7:
		return 403
	case 8:
		return 429
	case 12:
		return 501
	case 14:
		return 503
	case 16:
		return 401
	}
	return 500
}

// GRPCOf returns the gRPC code of the HTTP status of an error, for a client that speaks gRPC to a server that does not.
func GRPCOf(status int) int {
	switch status {
	case 400, 422:
		return 3
	case 401:
		return 16
	case 403:
		return 7
	case 404:
		return 5
	case 408, 504:
		return 4
	case 409:
		return 10
	case 413, 429:
		return 8
	case 499:
		return 1
	case 501:
		return 12
	case 502, 503:
		return 14
	}
	return 13
}
