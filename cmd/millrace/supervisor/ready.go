package supervisor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	probeEvery    = 50 * time.Millisecond
	probeTimeout  = 2 * time.Second
	progressEvery = 5 * time.Second
)

// awaitReady returns nil once the server on port is ready, or ctx's error. While it waits it calls progress every few
// seconds with what the last probe met.
func awaitReady(ctx context.Context, probe Probe, port int, progress func(waited time.Duration, last error)) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	check := func(ctx context.Context) error { return dial(ctx, address) }
	if probe.Path != "" {
		// One connection a probe: a server that is starting may close what it accepted.
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		check = func(ctx context.Context) error { return get(ctx, client, "http://"+address+probe.Path) }
	}
	start, said := time.Now(), time.Now()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		once, cancel := context.WithTimeout(ctx, probeTimeout)
		err := check(once)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(said) >= progressEvery {
			said = time.Now()
			progress(time.Since(start), err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func dial(ctx context.Context, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// The whole answer is taken, within reason: a server whose readiness answer cannot be read is not ready.
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("GET %s: status %d", url, resp.StatusCode)
	}
	return nil
}
