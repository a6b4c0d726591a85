package server

import (
	"slices"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
)

// maxInFlight bounds the responses that a client may leave unanswered and still be heard on, for each type.
const maxInFlight = 64

// feed is one type on one stream. Guarded by group.mu, but for what it says otherwise.
type feed struct {
	typeURL string
	// watch numbers the watches; open says that the newest waits in the cache: all that there is was sent and answered.
	watch uint64
	open  bool
	// through is the group's version that the node has of this type.
	through uint64

	// A cache puts its response into one of the boxes, which hold one, instead of into the stream's channel: so it is
	// seen that a watch fired, when, and at which version, and a full channel never blocks the cache.
	deltaBox chan cache.DeltaResponse
	deltaOut chan cache.DeltaResponse
	sotwBox  chan cache.Response
	sotwOut  chan cache.Response
	// fired is the version at which the response in the box was made.
	fired uint64
	full  bool

	// sending are the names in the response that the stream's goroutine, which owns them, is about to send.
	sending []string
	// inFlight are responses that were sent and not answered, the oldest first.
	inFlight []flight
	// refused are the resources that the node refused and has not accepted since, by name.
	refused map[string]ResourceError

	// sent, acked and nacked are the versions of the last response that was sent, accepted and refused.
	sent, acked, nacked string
	// sentAt and answeredAt are the times of the last response and of the last answer.
	sentAt, answeredAt time.Time
}

// flight is a response on its way.
type flight struct {
	nonce   string
	version string
	at      time.Time
	// whole says that it replaces all that was sent before; else names are what it is about.
	whole bool
	names []string
}

// peekLocked notes whether the cache has answered since the last look.
func (f *feed) peekLocked(version uint64) {
	if !f.full && len(f.deltaBox)+len(f.sotwBox) > 0 {
		f.full, f.open, f.fired = true, false, version
	}
}

// caughtUpLocked notes that the node has all of version, if it has: nothing is to be sent or to be answered.
func (f *feed) caughtUpLocked(version uint64) {
	if f.open && len(f.inFlight) == 0 {
		f.through = version
	}
}

// forwardLocked passes what is in the box on to the stream, if there is room; else it stays for the next time.
func (f *feed) forwardLocked(label string) {
	if !f.full {
		return
	}
	switch {
	case len(f.deltaBox) > 0 && len(f.deltaOut) < cap(f.deltaOut):
		f.deltaOut <- &deltaAnswer{DeltaResponse: <-f.deltaBox, version: label}
	case len(f.sotwBox) > 0 && len(f.sotwOut) < cap(f.sotwOut):
		f.sotwOut <- &sotwAnswer{Response: <-f.sotwBox, version: label, feed: f}
	default:
		return
	}
	f.full = false
}

// dropLocked empties the box: a new watch answers for what was in it.
func (f *feed) dropLocked() {
	select {
	case <-f.deltaBox:
	case <-f.sotwBox:
	default:
	}
	f.full = false
}

// answerLocked takes the node's answer to the response nonce. It is false if there is no such response in flight.
func (f *feed) answerLocked(nonce string, errs []ResourceError) (flight, bool) {
	i := slices.IndexFunc(f.inFlight, func(fl flight) bool { return fl.nonce == nonce })
	if nonce == "" || i < 0 {
		return flight{}, false
	}
	fl := f.inFlight[i]
	f.inFlight = f.inFlight[i+1:]
	f.answeredAt = time.Now()
	if fl.whole {
		clear(f.refused)
	}
	for _, name := range fl.names {
		delete(f.refused, name)
	}
	delete(f.refused, "")
	if len(errs) == 0 {
		f.acked = fl.version
		return fl, true
	}
	f.nacked = fl.version
	if f.refused == nil {
		f.refused = make(map[string]ResourceError)
	}
	for _, e := range errs {
		f.refused[e.Name] = e
	}
	return fl, true
}
