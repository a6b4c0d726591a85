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
