package http1

import (
	"context"
	"testing"
)

// TestAContextThatAHandlerLeavesBehindEndsWithItsRequest: package context panics where a parent is done and has no error.
func TestAContextThatAHandlerLeavesBehindEndsWithItsRequest(t *testing.T) {
	var c leaveContext
	for range 100 {
		derived, stop := context.WithCancel(&c)
		c.finish()
		<-derived.Done()
		if derived.Err() != context.Canceled || c.Err() != nil {
			t.Fatalf("derived: %v, the connection's: %v", derived.Err(), c.Err())
		}
		stop()
	}
}
