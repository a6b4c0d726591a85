package status_test

import (
	"strings"
	"testing"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/status"
)

const clusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster"

func TestNackNamesEveryBadResourceInItsTextAndInItsDetails(t *testing.T) {
	errs := []status.ResourceError{
		{Name: "triage", Code: "MR203", Message: `no model "sentimnt"; did you mean "sentiment"?`},
		{Name: "abtest", Code: "MR110", Message: "all weights are zero"},
	}
	st := status.Detail(clusterType, 5, errs)
	want := `2 of 5 resources refused (Cluster), the others are used: ` +
		`triage: MR203 no model "sentimnt"; did you mean "sentiment"?; abtest: MR110 all weights are zero`
	if st.GetMessage() != want {
		t.Errorf("message\n got %s\nwant %s", st.GetMessage(), want)
	}
	wire, err := proto.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	read := new(rpcstatus.Status)
	if err := proto.Unmarshal(wire, read); err != nil {
		t.Fatal(err)
	}
	got := status.Errors(read)
	if len(got) != 2 || got[0] != errs[0] || got[1] != errs[1] {
		t.Errorf("read back %v, want %v", got, errs)
	}
}

func TestNoErrorsAreAnAck(t *testing.T) {
	if st := status.Detail(clusterType, 3, nil); st != nil {
		t.Errorf("got %v, want nil", st)
	}
	if errs := status.Errors(nil); errs != nil {
		t.Errorf("got %v, want nil", errs)
	}
}

func TestNackOfAClientThatSendsTextAloneIsOneErrorWithoutAName(t *testing.T) {
	got := status.Errors(&rpcstatus.Status{Code: 13, Message: "unknown cluster"})
	if len(got) != 1 || got[0] != (status.ResourceError{Message: "unknown cluster"}) {
		t.Errorf("got %v", got)
	}
}

func TestTextThatIsTooLongOrNotUTF8StillMakesANack(t *testing.T) {
	st := status.Detail(clusterType, 1, []status.ResourceError{{Name: "a\xff", Code: "MR1", Message: strings.Repeat("x", 10_000)}})
	if _, err := proto.Marshal(st); err != nil {
		t.Fatal(err)
	}
	got := status.Errors(st)
	if len(got) != 1 || got[0].Name != "a?" || len(got[0].Message) > 2048 {
		t.Errorf("got %.80v", got)
	}
}

func FuzzErrors(f *testing.F) {
	wire, _ := proto.Marshal(status.Detail(clusterType, 1, []status.ResourceError{{Name: "a", Code: "MR1", Message: "b"}}))
	f.Add(wire)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, wire []byte) {
		st := new(rpcstatus.Status)
		if proto.Unmarshal(wire, st) != nil {
			return
		}
		errs := status.Errors(st)
		if len(errs) == 0 {
			t.Fatal("a NACK must read as at least one error")
		}
		if again := status.Errors(status.Detail(clusterType, len(errs), errs)); len(again) != len(errs) {
			t.Fatalf("%d errors became %d", len(errs), len(again))
		}
	})
}
