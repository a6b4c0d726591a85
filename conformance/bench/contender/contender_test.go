package contender

import (
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if RunRole() {
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func TestTheUsageOfARelayGrowsWithWhatItForwards(t *testing.T) {
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	p, err := self{"TCP relay", roleRelay}.Start(t.Context(), Job{Duty: PassHTTP, Dir: t.TempDir(), Upstream: Upstream{HTTP: upstream.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	// The first connection was the look whether it listens.
	look, err := upstream.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	client, err := net.Dial("tcp", p.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := upstream.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	before, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	for range 100 {
		if _, err := client.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(got); err != nil || string(got) != "ping" {
			t.Fatalf("the server read %q, %v", got, err)
		}
	}
	after, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if used := after.Minus(before); used.CPU <= 0 || used.Wakeups <= 0 || used.Memory < 1<<20 {
		t.Errorf("used %+v", used)
	}
}

func TestAContenderThatCannotStartSaysWhatItWrote(t *testing.T) {
	_, err := self{"nobody", "no such role"}.Start(t.Context(), Job{Dir: t.TempDir(), Upstream: Upstream{HTTP: "127.0.0.1:1"}})
	if err == nil || !strings.Contains(err.Error(), "there is no such role") {
		t.Errorf("error %v", err)
	}
}

func TestAGraphIsTheSameForMillraceAndTheRouter(t *testing.T) {
	j := Job{Duty: Chain, Upstream: Upstream{HTTP: "127.0.0.1:9"}}
	text, path := objects(j)
	if !strings.Contains(text, spec(j)) || path != "/serving/default/bench" || strings.Count(spec(j), `"data":"$response"`) != 3 {
		t.Errorf("at %s:\n%s", path, text)
	}
}
