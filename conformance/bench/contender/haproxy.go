package contender

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// haproxy shares its connections to the server among its clients and adds a request id as the others do.
type haproxy struct{}

func (haproxy) Name() string     { return "HAProxy" }
func (haproxy) Does(d Duty) bool { return passes(d) }

func (haproxy) Version(ctx context.Context) (string, error) {
	binary, err := installed("haproxy")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, binary, "-v").Output()
	words := strings.Fields(string(out)) // HAProxy version 2.6.12-1+deb12u4 2026/10/17 - …
	return strings.Join(words[:min(3, len(words))], " "), err
}

const haproxyConfig = `global
  nbthread %d
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend bench
  bind 127.0.0.1:%d%s
  unique-id-format %%[uuid()]
  unique-id-header X-Request-Id
  default_backend upstream
backend upstream
  server one %s%s
`

func (haproxy) Start(ctx context.Context, j Job) (*Process, error) {
	binary, err := installed("haproxy")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	upstream, protocol := j.Upstream.HTTP, ""
	if j.Duty == PassGRPC {
		upstream, protocol = j.Upstream.GRPC, " proto h2"
	}
	file, err := j.place("haproxy.cfg", fmt.Sprintf(haproxyConfig, threads, port, protocol, upstream, protocol))
	if err != nil {
		return nil, err
	}
	p, err := run(j, nil, binary, "-db", "-f", file)
	if err != nil {
		return nil, err
	}
	p.Address = fmt.Sprintf("127.0.0.1:%d", port)
	return p.listening(ctx)
}
