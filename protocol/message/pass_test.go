package message

import (
	"testing"

	"github.com/millrace/millrace/protocol/body"
)

func TestOnlyAServersOwnWordsInTheClientsDialectPassAsTheyCame(t *testing.T) {
	said := func(d Dialect, text string) *Message {
		return FromWire(&Wire{Dialect: d, Body: body.Of([]byte(text)), ContentType: "text/plain", Status: 422}, nil)
	}
	for _, c := range []struct {
		name string
		f    Failure
		own  bool
	}{
		{"said in the client's dialect", Failure{Kind: FailedUpstream, Reply: said(KServeV1, "no")}, true},
		{"said in another dialect", Failure{Kind: FailedUpstream, Reply: said(SeldonREST, "no")}, false},
		{"nothing said", Failure{Kind: FailedUpstream, Reply: said(KServeV1, "")}, false},
		{"no reply", Failure{Kind: FailedUpstream}, false},
		{"a reply that is content", Failure{Kind: FailedUpstream, Reply: FromContent(&Content{})}, false},
		{"a failure of ours", Failure{Kind: NotFound, Reply: said(KServeV1, "no")}, false},
	} {
		w := c.f.Own(KServeV1)
		if (w != nil) != c.own {
			t.Errorf("%s: %v", c.name, w)
			continue
		}
		if w == nil {
			continue
		}
		c.f.Reply.Wire().Body.Release()
		if string(w.Body.Bytes()) != "no" || w.Status != 422 || w.ContentType != "text/plain" || w.JSONLength != -1 {
			t.Errorf("%s: %v", c.name, w)
		}
		w.Body.Release()
	}
}
