package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/xds/server"
)

func TestBurstOfEventsMakesOneUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		d := server.Debounce(0, 0, func() { calls = append(calls, time.Since(start)) })
		defer d.Close()
		for range 3 {
			d.Notify()
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(calls) != 1 || calls[0] != 20*time.Millisecond {
			t.Errorf("called after %v, want once, 10 ms after the last event", calls)
		}
	})
}

func TestEventsWithoutAnEndDoNotPutAnUpdateOffForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		d := server.Debounce(0, 0, func() { calls = append(calls, time.Since(start)) })
		defer d.Close()
		for range 40 {
			d.Notify()
			time.Sleep(4 * time.Millisecond)
		}
		synctest.Wait()
		if len(calls) < 3 || calls[0] != 50*time.Millisecond {
			t.Errorf("called after %v, want every 50 ms or so", calls)
		}
	})
}

func TestEventDuringAnUpdateLeadsToAnotherAndCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		var d *server.Debouncer
		ready := make(chan struct{})
		d = server.Debounce(0, 0, func() {
			<-ready
			if calls++; calls == 1 {
				d.Notify()
			}
			time.Sleep(time.Second)
		})
		d.Notify()
		close(ready)
		time.Sleep(1500 * time.Millisecond)
		d.Close()
		d.Close()
		if calls != 2 {
			t.Errorf("called %d times, want 2", calls)
		}
	})
}
