package contender

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// nginx forwards without buffering to files, keeps connections to its upstream, and adds a request id as the others do.
type nginx struct{}

func (nginx) Name() string     { return "nginx" }
func (nginx) Does(d Duty) bool { return passes(d) }

func (nginx) Version(ctx context.Context) (string, error) {
	binary, err := installed("nginx")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, binary, "-v").CombinedOutput()
	_, text, _ := strings.Cut(strings.TrimSpace(string(out)), ": ")
	return text, err
}

const nginxConfig = `daemon off;
%suser root;
worker_processes %d;
pid %[3]s/nginx.pid;
error_log %[3]s/error.log error;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path %[3]s/body; proxy_temp_path %[3]s/proxy; fastcgi_temp_path %[3]s/f; uwsgi_temp_path %[3]s/u; scgi_temp_path %[3]s/s;
  keepalive_requests 1000000000;
  upstream up { server %[4]s; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:%[5]d%[6]s;
    client_max_body_size 0;
    location / { %[7]s }
  }
}
`

func (nginx) Start(ctx context.Context, j Job) (*Process, error) {
	binary, err := installed("nginx")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	upstream, protocol := j.Upstream.HTTP, ""
	pass := `proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Request-Id $request_id;
      proxy_request_buffering off; proxy_max_temp_file_size 0;`
	if j.Duty == PassGRPC {
		upstream, protocol, pass = j.Upstream.GRPC, " http2", "grpc_pass grpc://up; grpc_set_header X-Request-Id $request_id;"
	}
	user := ""
	if os.Geteuid() != 0 { // nginx warns of a user that it cannot become
		user = "#"
	}
	file, err := j.place("nginx.conf", fmt.Sprintf(nginxConfig, user, threads, j.Dir, upstream, port, protocol, pass))
	if err != nil {
		return nil, err
	}
	p, err := run(j, nil, binary, "-p", j.Dir, "-e", j.Dir+"/error.log", "-c", file)
	if err != nil {
		return nil, err
	}
	p.Address = fmt.Sprintf("127.0.0.1:%d", port)
	return p.listening(ctx)
}
