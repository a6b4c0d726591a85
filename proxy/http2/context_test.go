package http2

import (
	"context"
	"testing"
)

type cancels chan struct{}

func (c cancels) Cancel() { close(c) }

// TestAContextThatIsHeldTooLongKeepsItsError: package context panics where a parent is done and has no error, as one has
// that serves another request already.
func TestAContextThatIsHeldTooLongKeepsItsError(t *testing.T) {
	for _, leave := range []bool{true, false} {
		for range 200 {
			l := (*leaving)(nil).renewed()
			derived, stop := context.WithCancel(l)
			if leave {
				l.leave()
			}
			next := l.renewed()
			<-derived.Done()
			if derived.Err() != context.Canceled || next.Err() != nil || next == l {
				t.Fatalf("derived: %v, the next: %v", derived.Err(), next.Err())
			}
			stop()
		}
	}
}

func TestWhoeverIsNotifiedIsToldOnceAndOnlyOfItsOwnRequest(t *testing.T) {
	l := (*leaving)(nil).renewed()
	first := make(cancels)
	l.NotifyCancel(first)
	l.NotifyCancel(nil)
	l.leave()
	select {
	case <-first:
		t.Error("one that was taken back was told")
	default:
	}
	late := make(cancels)
	l.NotifyCancel(late)
	<-late
	if l.renewed() != l || l.Err() != nil {
		t.Error("a context that nobody holds is not used again")
	}
	if n := testing.AllocsPerRun(100, func() { l.NotifyCancel(late); l.NotifyCancel(nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
