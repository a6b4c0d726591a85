package oip

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
)

func TestAStreamsAnswersCarryAResponseOrTheReason(t *testing.T) {
	response := body.Of([]byte("\x1a\x02q1"))
	reply, err := StreamReply(response, body.NewBudget(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Release()
	n, _, k := protowire.ConsumeTag(reply.Bytes())
	inner, m := protowire.ConsumeBytes(reply.Bytes()[k:])
	if n != 2 || string(inner) != "\x1a\x02q1" || k+m != reply.Len() {
		t.Errorf("reply: %x", reply.Bytes())
	}
	for id, want := range map[string]string{"": "\x0a\x02no", "q1": "\x0a\x02no\x12\x04\x1a\x02q1"} {
		if got := string(AppendStreamFailure(nil, id, "no")); got != want {
			t.Errorf("id %q: %x, want %x", id, got, want)
		}
	}
}
