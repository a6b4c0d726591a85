package rbac

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/router/match"
)

// rule is a node of a compiled condition.
type rule interface {
	match(x *filter.Exchange) bool
}

type (
	always      struct{}
	anyOf       []rule
	allOf       []rule
	not         struct{ of rule }
	header      struct{ m match.Header }
	urlPath     struct{ m match.String }
	serverName  struct{ m match.String }
	network     struct{ in netip.Prefix } // of the peer
	localNet    struct{ in netip.Prefix }
	localPort   struct{ from, to int } // [from, to)
	certificate struct {
		name *match.String // nil is any that was verified
	}
)

func (always) match(*filter.Exchange) bool { return true }

func (rs anyOf) match(x *filter.Exchange) bool {
	for _, r := range rs {
		if r.match(x) {
			return true
		}
	}
	return false
}

func (rs allOf) match(x *filter.Exchange) bool {
	for _, r := range rs {
		if !r.match(x) {
			return false
		}
	}
	return true
}

func (r not) match(x *filter.Exchange) bool { return !r.of.match(x) }

func (r header) match(x *filter.Exchange) bool { return r.m.Match(x.Down.Head()) }

func (r urlPath) match(x *filter.Exchange) bool {
	path, _ := x.Down.Head().SplitPath()
	return r.m.Match(path)
}

func (r serverName) match(x *filter.Exchange) bool {
	t := x.Down.Conn().TLS
	return t != nil && r.m.MatchString(t.ServerName)
}

func (r network) match(x *filter.Exchange) bool  { return contains(r.in, x.Down.Conn().Remote) }
func (r localNet) match(x *filter.Exchange) bool { return contains(r.in, x.Down.Conn().Local) }

func contains(in netip.Prefix, a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && in.Contains(t.AddrPort().Addr().Unmap())
}

func (r localPort) match(x *filter.Exchange) bool {
	t, ok := x.Down.Conn().Local.(*net.TCPAddr)
	return ok && r.from <= t.Port && t.Port < r.to
}

// match follows Envoy: the URI names of the peer's verified certificate, else its DNS names, else its subject.
func (r certificate) match(x *filter.Exchange) bool {
	t := x.Down.Conn().TLS
	if t == nil || len(t.VerifiedChains) == 0 || len(t.PeerCertificates) == 0 {
		return false
	}
	return r.name == nil || r.matches(t.PeerCertificates[0])
}

func (r certificate) matches(c *x509.Certificate) bool {
	if len(c.URIs) > 0 {
		for _, u := range c.URIs {
			if r.name.MatchString(u.String()) {
				return true
			}
		}
		return false
	}
	if len(c.DNSNames) > 0 {
		for _, n := range c.DNSNames {
			if r.name.MatchString(n) {
				return true
			}
		}
		return false
	}
	return r.name.MatchString(c.Subject.String())
}

func permissions(ms []*rbacv3.Permission) ([]rule, error) {
	var rs []rule
	for i, m := range ms {
		r, err := permission(m)
		if err != nil {
			return nil, strict.At(fmt.Sprintf("[%d]", i), err)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

func permission(m *rbacv3.Permission) (rule, error) {
	switch p := m.GetRule().(type) {
	case *rbacv3.Permission_Any:
		if p.Any {
			return always{}, nil
		}
	case *rbacv3.Permission_AndRules:
		rs, err := permissions(p.AndRules.GetRules())
		return allOf(rs), strict.At("and_rules", err)
	case *rbacv3.Permission_OrRules:
		rs, err := permissions(p.OrRules.GetRules())
		return anyOf(rs), strict.At("or_rules", err)
	case *rbacv3.Permission_NotRule:
		r, err := permission(p.NotRule)
		return not{r}, strict.At("not_rule", err)
	case *rbacv3.Permission_Header:
		h, err := match.NewHeader(p.Header)
		return header{h}, strict.At("header", err)
	case *rbacv3.Permission_UrlPath:
		return newURLPath(p.UrlPath)
	case *rbacv3.Permission_DestinationIp:
		in, err := prefix(p.DestinationIp)
		return localNet{in}, strict.At("destination_ip", err)
	case *rbacv3.Permission_DestinationPort:
		return localPort{int(p.DestinationPort), int(p.DestinationPort) + 1}, nil
	case *rbacv3.Permission_DestinationPortRange:
		return localPort{int(p.DestinationPortRange.GetStart()), int(p.DestinationPortRange.GetEnd())}, nil
	case *rbacv3.Permission_RequestedServerName:
		s, err := match.NewString(p.RequestedServerName)
		return serverName{s}, strict.At("requested_server_name", err)
	}
	return nil, unknown(m, "any, and_rules, or_rules, not_rule, header, url_path, destination_ip, destination_port or requested_server_name")
}

func principals(ms []*rbacv3.Principal) ([]rule, error) {
	var rs []rule
	for i, m := range ms {
		r, err := principal(m)
		if err != nil {
			return nil, strict.At(fmt.Sprintf("[%d]", i), err)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

func principal(m *rbacv3.Principal) (rule, error) {
	switch p := m.GetIdentifier().(type) {
	case *rbacv3.Principal_Any:
		if p.Any {
			return always{}, nil
		}
	case *rbacv3.Principal_AndIds:
		rs, err := principals(p.AndIds.GetIds())
		return allOf(rs), strict.At("and_ids", err)
	case *rbacv3.Principal_OrIds:
		rs, err := principals(p.OrIds.GetIds())
		return anyOf(rs), strict.At("or_ids", err)
	case *rbacv3.Principal_NotId:
		r, err := principal(p.NotId)
		return not{r}, strict.At("not_id", err)
	case *rbacv3.Principal_Header:
		h, err := match.NewHeader(p.Header)
		return header{h}, strict.At("header", err)
	case *rbacv3.Principal_UrlPath:
		return newURLPath(p.UrlPath)
	case *rbacv3.Principal_SourceIp:
		in, err := prefix(p.SourceIp)
		return network{in}, strict.At("source_ip", err)
	case *rbacv3.Principal_DirectRemoteIp:
		in, err := prefix(p.DirectRemoteIp)
		return network{in}, strict.At("direct_remote_ip", err)
	case *rbacv3.Principal_Authenticated_:
		if p.Authenticated.GetPrincipalName() == nil {
			return certificate{}, nil
		}
		s, err := match.NewString(p.Authenticated.GetPrincipalName())
		return certificate{&s}, strict.At("authenticated", err)
	}
	return nil, unknown(m, "any, and_ids, or_ids, not_id, header, url_path, source_ip, direct_remote_ip or authenticated")
}

func newURLPath(m *matcherv3.PathMatcher) (rule, error) {
	if m.GetPath() == nil {
		return nil, fmt.Errorf("url_path.path: not set")
	}
	s, err := match.NewString(m.GetPath())
	return urlPath{s}, strict.At("url_path", err)
}

func prefix(m *corev3.CidrRange) (netip.Prefix, error) {
	ip, err := netip.ParseAddr(m.GetAddressPrefix())
	if err != nil {
		return netip.Prefix{}, err
	}
	return ip.Unmap().Prefix(int(m.GetPrefixLen().GetValue()))
}

// unknown is the error for a kind of rule that cannot be judged.
func unknown(m interface{ String() string }, use string) error {
	text := m.String()
	if text == "" {
		text = "an empty rule"
	}
	return &strict.Unsupported{Field: text, Why: "use " + use}
}
