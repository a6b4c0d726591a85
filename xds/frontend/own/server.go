package own

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/millrace/millrace/protocol/contract"
	pb "github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

// serverFields are what a Model may have in place of a Server of its own.
var serverFields = []string{"protocol", "urls", "python", "requirements", "command", "implementation", "uri", "environment"}

// server reads a Server's fields from m, which may be a Model's specification too.
func (r *reader) server(m document.Map, name string) *frontend.Server {
	s := &frontend.Server{Namespace: r.doc.Namespace, Name: name, Place: name, Pos: m.Pos(), Origin: r.doc.Kind}
	s.Run = r.run(m)
	s.Protocol = r.protocol(m, s.Run)
	for _, u := range m.Get("urls").List() {
		if parsed, ok := URL(u); ok {
			if _, spoken := s.Protocol.Dialect(parsed.Transport); !spoken && s.Protocol != "" {
				u.Refuse(document.CodeValue, "give a URL of a transport that the protocol has", "protocol %s over %s is not spoken", s.Protocol, strings.SplitN(u.String(), ":", 2)[0])
			}
			if len(s.URLs) > 0 && strings.TrimSuffix(parsed.Path, "/") != strings.TrimSuffix(s.URLs[0].Path, "/") {
				u.Refuse(document.CodeValue, "make a Server of each path", "the URLs of one server have different paths: %q and %q", s.URLs[0].Path, parsed.Path)
			}
			if i := slices.IndexFunc(s.URLs, func(o frontend.URL) bool { return o.Transport == parsed.Transport && o.TLS != parsed.TLS }); i >= 0 {
				u.Refuse(document.CodeValue, "make a Server of each", "the URLs of one server are partly with TLS and partly without")
			}
			s.URLs = append(s.URLs, parsed)
		}
	}
	if len(s.URLs) > 0 {
		s.Prefix = strings.TrimSuffix(s.URLs[0].Path, "/")
	}
	if v := m.Get("models"); v.Present() {
		if s.Discover = v.String() == "discover"; !s.Discover {
			v.Refuse(document.CodeValue, "write `models: discover`, or declare each with a Model object", "models cannot be %q", v.String())
		}
	}
	if v := m.Get("prefix"); v.Present() {
		s.Prefix = "/" + strings.Trim(v.String(), "/")
	}
	s.Headers = headers(m)
	s.Timeout = m.Get("timeout").Duration()
	s.Idempotence = idempotence(m)
	s.Binary = m.Get("binary_tensors").Bool()
	if v := m.Get("tls"); v.Present() {
		t := v.Map()
		s.TLS = &frontend.TLS{CAFile: t.Get("ca").String(), ServerName: t.Get("server_name").String()}
		if s.TLS.CAFile != "" && !path.IsAbs(s.TLS.CAFile) {
			s.TLS.CAFile = path.Join(path.Dir(r.doc.File), s.TLS.CAFile) // as all paths: from the object's file
		}
		t.Done()
	}
	return s
}

func (r *reader) protocol(m document.Map, run *frontend.Run) frontend.Protocol {
	v := m.Get("protocol")
	if !v.Present() {
		if run != nil && run.Python != "" {
			return frontend.OpenInference
		}
		m.Required("protocol", "one of "+strings.Join(frontend.Protocols, ", "))
		return ""
	}
	p := v.String()
	if !slices.Contains(frontend.Protocols, p) {
		v.Refuse(document.CodeValue, contract.Suggest(p, frontend.Protocols), "there is no protocol %q", p)
		return ""
	}
	return frontend.Protocol(p)
}

// URL reads an address: http://, https://, grpc:// or grpcs://, a host, a port, and perhaps a path.
func URL(v document.Value) (frontend.URL, bool) {
	text := v.String()
	u, err := url.Parse(text)
	out := frontend.URL{Pos: v.Pos()}
	if err != nil || u.Hostname() == "" {
		v.Refuse(document.CodeValue, "write it as http://host:port or grpc://host:port", "%q is not a URL", text)
		return out, false
	}
	port := 0
	switch u.Scheme {
	case "http":
		port = 80
	case "https":
		port, out.TLS = 443, true
	case "grpc":
		out.Transport, port = frontend.GRPC, 80
	case "grpcs":
		out.Transport, port, out.TLS = frontend.GRPC, 443, true
	default:
		v.Refuse(document.CodeValue, "it is http, https, grpc or grpcs", "there is no transport %q", u.Scheme)
		return out, false
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			v.Refuse(document.CodeValue, "a port is from 1 to 65535", "%q is not a port", p)
			return out, false
		}
		port = n
	}
	if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		v.Refuse(document.CodeValue, "give scheme, host, port and path only", "the URL %q has a query, a fragment or a user", text)
		return out, false
	}
	out.Host, out.Port, out.Path = u.Hostname(), port, u.EscapedPath()
	return out, true
}

func (r *reader) run(m document.Map) *frontend.Run {
	if v := m.Get("implementation"); v.Present() {
		v.Refuse(document.CodeValue, "say how to start it: `command: […]`, or `python: file.py:function`", "implementation %s is not started by this version", v.String())
	}
	if v := m.Get("uri"); v.Present() {
		v.Refuse(document.CodeValue, "say how to start the server: `command: […]`, or `python: file.py:function`", "a model's uri is not loaded by this version")
	}
	run := Run(m, path.Dir(r.doc.File))
	if run == nil || len(run.Command) > 0 || run.Python != "" {
		return run
	}
	for _, k := range []string{"requirements", "environment", "replicas", "env", "ports", "ready"} {
		if m.Has(k) {
			m.Get(k).Refuse(document.CodeMissing, "add `command: […]` or `python: file.py:function`, or remove it", "%s is for servers that are started here, and nothing says how", k)
		}
	}
	return nil
}

// Run reads how a server is started; relative paths start at dir. It is nil where m says nothing of it. Neither command nor
// python need be there: a binding may add to what an object says.
func Run(m document.Map, dir string) *frontend.Run {
	run := &frontend.Run{Dir: dir, Pos: m.Pos()}
	said := false
	get := func(key string) document.Value {
		v := m.Get(key)
		said = said || v.Present()
		return v
	}
	run.Command = get("command").Strings()
	python := get("python")
	run.Python = python.String()
	run.Requirements = get("requirements").Strings()
	run.Environment = get("environment").String()
	run.Replicas = get("replicas").Int(1, 64)
	run.Ready = get("ready").String()
	env := get("env").Map()
	for _, k := range env.Keys() {
		if run.Env == nil {
			run.Env = map[string]string{}
		}
		run.Env[k] = env.Get(k).String()
	}
	for _, p := range get("ports").List() {
		run.Ports = append(run.Ports, p.Int(1, 65535))
	}
	switch {
	case len(run.Command) > 0 && python.Present():
		python.Refuse(document.CodeValue, "keep one of them", "a server is started by `command` or by `python`, not both")
	case python.Present() && !strings.Contains(run.Python, ".py:"):
		python.Refuse(document.CodeValue, "write it as file.py:function", "%q names no function", run.Python)
	}
	if !said {
		return nil
	}
	return run
}

func headers(m document.Map) []*pb.HeaderField {
	var out []*pb.HeaderField
	h := m.Get("headers").Map()
	for _, k := range h.Keys() {
		v := h.Get(k)
		if v.IsMap() {
			v.Refuse(document.CodeType, "write the value itself", "the value of header %s can only be text in this version", k)
			continue
		}
		if f := (&pb.HeaderField{Name: k, Value: v.String()}); httpguts.ValidHeaderFieldName(k) && httpguts.ValidHeaderFieldValue(f.Value) {
			out = append(out, f)
		} else {
			v.Refuse(document.CodeValue, "a name has letters, digits and dashes, and a value one line", "%q is no header field that can be sent", k)
		}
	}
	return out
}

func idempotence(m document.Map) pb.Idempotence {
	v := m.Get("idempotent")
	switch {
	case !v.Present():
		return pb.Idempotence_IDEMPOTENCE_UNSPECIFIED
	case v.Bool():
		return pb.Idempotence_IDEMPOTENCE_IDEMPOTENT
	}
	return pb.Idempotence_IDEMPOTENCE_NOT_IDEMPOTENT
}
