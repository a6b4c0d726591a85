package message

import "testing"

func TestAServersOwnErrorKeepsItsStatus(t *testing.T) {
	reply := func(d Dialect, status int) *Message { return FromWire(&Wire{Dialect: d, Status: status}, nil) }
	for _, c := range []struct {
		name string
		f    Failure
		want int
	}{
		{"ours has its kind's", Failure{Kind: NotFound}, 404},
		{"a REST server's is the server's", Failure{Kind: FailedUpstream, Reply: reply(SeldonREST, 422)}, 422},
		{"a gRPC server's is translated", Failure{Kind: FailedUpstream, Reply: reply(OpenInferenceGRPC, 5)}, 404},
		{"a status that is no error becomes 502", Failure{Kind: FailedUpstream, Reply: reply(SeldonREST, 201)}, 502},
		{"without a reply it is 502", Failure{Kind: FailedUpstream}, 502},
	} {
		if got := c.f.HTTPStatus(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestAnHTTPStatusHasAGRPCCode(t *testing.T) {
	for status, want := range map[int]int{400: 3, 422: 3, 401: 16, 403: 7, 404: 5, 408: 4, 504: 4, 409: 10, 413: 8, 429: 8, 499: 1, 501: 12, 502: 14, 503: 14, 500: 13, 418: 13} {
		if got := GRPCOf(status); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
}
