package cluster

// Connections calls yield for each endpoint in order, with the connections that are open to it, until it returns false.
func (c *Cluster) Connections(yield func(h *Host, e *Endpoint, open int) bool) {
	set := c.set.Load()
	if set == nil {
		return
	}
	for _, e := range set.all {
		e.pool.mu.Lock()
		open := len(e.pool.all)
		e.pool.mu.Unlock()
		if !yield(e.host, &e.Endpoint, open) {
			return
		}
	}
}
