package supervisor

import (
	"strconv"
	"testing"
)

func TestUpdateStartsTheNewStopsTheGoneAndLeavesTheUnchanged(t *testing.T) {
	h := newHouse(t)
	h.start(t, python("stays"), python("goes"))
	h.ready(t)
	stays, _ := h.awaitState(t, 0, "stays", Ready)
	goes, _ := h.awaitState(t, 0, "goes", Ready)
	n := len(h.all())

	if err := h.Update([]Spec{python("stays"), python("comes")}); err != nil {
		t.Fatal(err)
	}
	h.ready(t)
	h.awaitState(t, n, "comes", Ready)
	h.awaitState(t, n, "goes", Stopped)
	awaitGone(t, goes.PID)
	for _, r := range h.all()[n:] {
		if r.Server == "stays" {
			t.Errorf("the unchanged server was touched: %+v", r)
		}
	}
	say(t, stays.HTTP)
}

func TestAChangedServerHasAReadyAddressAllTheTime(t *testing.T) {
	h := newHouse(t)
	h.start(t, python("sentiment", "WORD=old"))
	first, n := h.awaitState(t, 0, "sentiment", Ready)
	if err := h.Update([]Spec{python("sentiment", "WORD=new")}); err != nil {
		t.Fatal(err)
	}
	stopped, _ := h.awaitState(t, n, "sentiment", Stopped)
	for _, r := range h.all()[n:] {
		if r.Server == "sentiment" && len(r.Addresses) == 0 {
			t.Errorf("no address in %+v", r)
		}
	}
	if len(stopped.Addresses) != 1 || stopped.Addresses[0].HTTP == first.HTTP {
		t.Fatalf("addresses %v after the old one stopped: want the new one's only", stopped.Addresses)
	}
	if got := say(t, stopped.Addresses[0].HTTP); got != "new" {
		t.Errorf("it said %q, want new", got)
	}
	awaitGone(t, first.PID)
}

func TestAChangedServerOfAFixedPortKeepsThePort(t *testing.T) {
	port, err := (&ports{held: map[int]struct{}{}}).one(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	spec := python("fixed", "WORD=old")
	spec.Ports = map[string]int{HTTPPort: port}
	h.start(t, spec)
	h.ready(t)
	spec.Env = map[string]string{"WORD": "new"}
	if err := h.Update([]Spec{spec}); err != nil {
		t.Fatal(err)
	}
	h.ready(t)
	if got := say(t, port); got != "new" {
		t.Errorf("it said %q, want new", got)
	}
}

func TestMoreAndFewerReplicasLeaveTheOthersUntouched(t *testing.T) {
	h := newHouse(t)
	spec := python("readability")
	h.start(t, spec)
	first, n := h.awaitState(t, 0, "readability", Ready)
	spec.Replicas = 3
	if err := h.Update([]Spec{spec}); err != nil {
		t.Fatal(err)
	}
	_, n = h.await(t, n, "three addresses", func(r Report) bool { return len(r.Addresses) == 3 })
	spec.Replicas = 1
	if err := h.Update([]Spec{spec}); err != nil {
		t.Fatal(err)
	}
	// Each of the two that go is left out of the addresses before it is stopped.
	left, n := h.await(t, n, "one address", func(r Report) bool { return len(r.Addresses) == 1 })
	if left.State != Ready || left.Addresses[0].HTTP != first.HTTP {
		t.Errorf("report %+v: want the first replica's address while the others still run", left)
	}
	h.awaitState(t, n, "readability", Stopped)
	for _, r := range h.all() {
		if r.Replica == 0 && r.State != Preparing && r.PID != first.PID {
			t.Errorf("the first replica was touched: %+v", r)
		}
	}
}

func TestTwoUpdatesInARowEndWithTheLast(t *testing.T) {
	h := newHouse(t)
	h.start(t, python("a", "WORD=0"))
	for i := 1; i <= 3; i++ {
		if err := h.Update([]Spec{python("a", "WORD="+strconv.Itoa(i))}); err != nil {
			t.Fatal(err)
		}
	}
	// Generations become ready in order: the address that is alone in the last report is the last one's.
	h.ready(t)
	reports := h.all()
	last := reports[len(reports)-1]
	if len(last.Addresses) != 1 {
		t.Fatalf("addresses %v: want one", last.Addresses)
	}
	if got := say(t, last.Addresses[0].HTTP); got != "3" {
		t.Errorf("it said %q, want 3", got)
	}
	h.Stop()
	for _, r := range h.all() {
		if r.PID != 0 {
			awaitGone(t, r.PID)
		}
	}
}

func itoa(i int) string { return strconv.Itoa(i) }

func atoi(t *testing.T, text string) int {
	t.Helper()
	i, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
