package client

import (
	"context"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
)

// Client keeps an incremental ADS stream to one control plane. Its methods may be called from any goroutine.
type Client struct {
	// Read-only after construction.
	conn     grpc.ClientConnInterface
	node     *core.Node
	handler  Handler
	retry    Backoff
	nackPace Backoff
	cancel   context.CancelFunc
	done     chan struct{}
	// wake tells the client's goroutine that a subscription changed. It holds one token.
	wake chan struct{}

	mu sync.Mutex
	// Guarded by mu: types, order, status, number, and what subscription says.
	types  map[string]*subscription
	order  []*subscription
	status Status
	number uint64
}

// Option changes a default of [New].
type Option func(*Client)

// WithRetry sets the wait before another stream is tried, where the last one ended without a response. The default
// is 500 ms to 30 s.
func WithRetry(b Backoff) Option { return func(c *Client) { c.retry = b } }

// WithNackPace sets how long a NACK is held back where the control plane answers NACKs with more that must be refused.
// The first NACK is never held. The default is 100 ms to 5 s.
func WithNackPace(b Backoff) Option { return func(c *Client) { c.nackPace = b } }

// New starts a client that speaks as node over conn and hands what arrives to handler. The stream opens with the first
// subscription. conn stays the caller's, who closes it after [Client.Close]; [Dial] makes one that suits. node must not
// be changed any more.
func New(conn grpc.ClientConnInterface, node *core.Node, handler Handler, opts ...Option) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		conn:     conn,
		node:     node,
		handler:  handler,
		retry:    Backoff{Base: 500 * time.Millisecond, Max: 30 * time.Second},
		nackPace: Backoff{Base: 100 * time.Millisecond, Max: 5 * time.Second},
		cancel:   cancel,
		done:     make(chan struct{}),
		wake:     make(chan struct{}, 1),
		types:    make(map[string]*subscription),
		status:   Status{Since: time.Now()},
	}
	for _, opt := range opts {
		opt(c)
	}
	go c.run(ctx)
	return c
}

// Subscribe asks for resources of a type by name, or for all of them by [Wildcard], in addition to those that were asked
// for before. Types are asked for in the order of their first subscription. It does not wait.
func (c *Client) Subscribe(typeURL string, names ...string) {
	c.mu.Lock()
	t := c.types[typeURL]
	if t == nil {
		t = &subscription{
			typeURL:  typeURL,
			wanted:   make(map[string]uint64, len(names)),
			versions: make(map[string]string),
			status:   TypeStatus{TypeURL: typeURL},
		}
		c.types[typeURL] = t
		c.order = append(c.order, t)
	}
	for _, name := range names {
		if _, ok := t.wanted[name]; !ok {
			c.number++
			t.wanted[name], t.changed = c.number, true
		}
	}
	c.mu.Unlock()
	c.rouse()
}

// Unsubscribe gives up resources of a type. The handler is not told that they are gone: it knows. Asked for again later,
// they are delivered again.
func (c *Client) Unsubscribe(typeURL string, names ...string) {
	c.mu.Lock()
	if t := c.types[typeURL]; t != nil {
		for _, name := range names {
			delete(t.wanted, name)
			t.changed = true
		}
	}
	c.mu.Unlock()
	c.rouse()
}

// Close ends the stream, waits until the handler is not being called, and returns. It may be called more than once.
func (c *Client) Close() {
	c.cancel()
	<-c.done
}

// rouse lets the client's goroutine look at the subscriptions.
func (c *Client) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
