package client

import "time"

// Status is what is known of the connection to the control plane, at one moment.
type Status struct {
	// Connected says that a stream is open.
	Connected bool
	// Since is when Connected last changed; it is the client's start before the first connection.
	Since time.Time
	// LastResponse is when the control plane last said anything, zero if never. While disconnected, the configuration is
	// at least this old.
	LastResponse time.Time
	// LastError is why the last stream ended or could not be opened, nil while connected.
	LastError error
	// ControlPlane is the identifier that the control plane gave itself, if any.
	ControlPlane string
	// Streams counts the streams that were opened.
	Streams uint64
	// Types has one entry for each subscribed type, in the order in which they were first subscribed.
	Types []TypeStatus
}

// Age is how long ago the control plane last said anything, by the clock now; 0 if it never did.
func (s Status) Age(now time.Time) time.Duration {
	if s.LastResponse.IsZero() {
		return 0
	}
	return now.Sub(s.LastResponse)
}

// TypeStatus is what is known of one subscribed type.
type TypeStatus struct {
	TypeURL string
	// Version is system_version_info of the last response.
	Version string
	// Resources counts the resources that were accepted and are held.
	Resources int
	// Accepted and Refused count responses, ACKed and NACKed.
	Accepted, Refused uint64
	// Errors are those of the last response; empty if it was ACKed.
	Errors []ResourceError
	// LastResponse is when the last response of this type came.
	LastResponse time.Time
}

// Status returns a copy that belongs to the caller. It may be called at any time, from any goroutine.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Types = make([]TypeStatus, 0, len(c.order))
	for _, t := range c.order {
		s.Types = append(s.Types, t.status)
	}
	return s
}

// opened notes that a stream to the control plane is open.
func (c *Client) opened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Connected, c.status.Since, c.status.LastError = true, time.Now(), nil
	c.status.Streams++
}

// ended notes that the stream ended, or could not be opened, because of err.
func (c *Client) ended(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.Connected {
		c.status.Connected, c.status.Since = false, time.Now()
	}
	c.status.LastError = err
}

// heard notes a response and how it was answered.
func (c *Client) heard(t *subscription, version, controlPlane string, errs []ResourceError) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.LastResponse = now
	if controlPlane != "" {
		c.status.ControlPlane = controlPlane
	}
	t.status.LastResponse = now
	t.status.Version = version
	t.status.Resources = len(t.versions)
	t.status.Errors = errs
	if len(errs) == 0 {
		t.status.Accepted++
	} else {
		t.status.Refused++
	}
}
