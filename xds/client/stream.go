package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
)

// minStreamGap is the least time between two streams, for a server that answers once and hangs up each time.
const minStreamGap = 20 * time.Millisecond

// run is the client's goroutine: one stream after another until ctx ends.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	failures := 0
	for c.awaitSubscription(ctx) {
		answered, err := c.stream(ctx)
		c.ended(err)
		// gRFC A57: a stream that brought at least one response was good, and is replaced at once.
		wait := minStreamGap
		if answered {
			failures = 0
		} else {
			wait = max(wait, c.retry.wait(failures))
			failures++
		}
		if !sleep(ctx, wait) {
			return
		}
		if conn, ok := c.conn.(interface{ ResetConnectBackoff() }); ok {
			conn.ResetConnectBackoff() // the wait above is the one that counts
		}
	}
}

// awaitSubscription waits until something is subscribed. It is false when ctx ended.
func (c *Client) awaitSubscription(ctx context.Context) bool {
	for {
		c.mu.Lock()
		any := false
		for _, t := range c.order {
			any = any || len(t.wanted) > 0
		}
		c.mu.Unlock()
		if ctx.Err() != nil {
			return false
		}
		if any {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-c.wake:
		}
	}
}

// adsStream is one incremental ADS stream, owned by the client's goroutine.
type adsStream struct {
	grpc.BidiStreamingClient[discovery.DeltaDiscoveryRequest, discovery.DeltaDiscoveryResponse]
	started   bool     // the node was sent
	strangers nackPace // of the types that were never asked for
}

// stream opens one stream and serves it until it ends. It says whether there was any response, and why it ended.
func (c *Client) stream(ctx context.Context) (answered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ads, err := discovery.NewAggregatedDiscoveryServiceClient(c.conn).DeltaAggregatedResources(ctx)
	if err != nil {
		return false, fmt.Errorf("open the xds stream: %w", err)
	}
	c.opened()

	responses := make(chan *discovery.DeltaDiscoveryResponse)
	var readErr error
	go func() {
		defer close(responses)
		for {
			var r *discovery.DeltaDiscoveryResponse
			if r, readErr = ads.Recv(); readErr != nil {
				return
			}
			select {
			case responses <- r:
			case <-ctx.Done():
				readErr = ctx.Err()
				return
			}
		}
	}()
	// The reader ends with the stream; readErr is safe to read after this.
	join := func() {
		cancel()
		for range responses {
		}
	}
	defer join()

	str := &adsStream{BidiStreamingClient: ads}
	for _, t := range c.subscriptions() {
		t.sent, t.nack = nil, nackPace{}
	}
	if err := c.flush(str); err != nil {
		return false, c.streamError(err, join, &readErr)
	}
	hold := time.NewTimer(time.Hour)
	defer hold.Stop()
	for {
		in := responses
		if due, flooded := c.heldNacks(str); !due.IsZero() {
			hold.Reset(time.Until(due))
			if flooded {
				in = nil // what is not read, the server cannot send without end
			}
		}
		select {
		case <-ctx.Done():
			return answered, ctx.Err()
		case r, ok := <-in:
			if !ok {
				return answered, c.streamError(io.EOF, join, &readErr)
			}
			answered = true
			err = c.answer(str, r)
		case <-c.wake:
		case <-hold.C:
			err = c.releaseNacks(str)
		}
		if err == nil {
			err = c.flush(str)
		}
		if err != nil {
			return answered, c.streamError(err, join, &readErr)
		}
	}
}

// streamError is why the stream ended: after a failed write or the end of reading, gRPC gives the cause to the reader.
func (c *Client) streamError(err error, join func(), readErr *error) error {
	if errors.Is(err, io.EOF) {
		join()
		if err = *readErr; errors.Is(err, io.EOF) {
			return errors.New("xds stream: closed by the control plane")
		}
	}
	return fmt.Errorf("xds stream: %w", err)
}

// send writes one request, with the node if it is the stream's first.
func (c *Client) send(str *adsStream, req *discovery.DeltaDiscoveryRequest) error {
	if !str.started {
		str.started = true
		req.Node = c.node
	}
	return str.Send(req)
}

// flush tells the stream what changed in the subscriptions since it was last told.
func (c *Client) flush(str *adsStream) error {
	for _, t := range c.subscriptions() {
		c.mu.Lock()
		reqs := t.requestsLocked()
		c.mu.Unlock()
		for _, req := range reqs {
			if err := c.send(str, req); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscriptions returns the types in their order. The slice only ever grows, by append.
func (c *Client) subscriptions() []*subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order
}

// sleep waits for d. It is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
