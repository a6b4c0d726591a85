package rbac

import (
	"cmp"
	"fmt"
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/filter"
)

// TypeName is the message that configures the filter.
const TypeName = "envoy.extensions.filters.http.rbac.v3.RBAC"

// Kind compiles the filter's configurations.
type Kind struct{}

var _ filter.Kind = Kind{}

// Compile implements filter.Kind.
func (Kind) Compile(a *anypb.Any) (filter.Instance, error) {
	var m filterv3.RBAC
	if err := strict.Any(a, &m); err != nil {
		return filter.Instance{}, err
	}
	r, err := compile(&m)
	if err != nil {
		return filter.Instance{}, err
	}
	return filter.Instance{Filter: &Filter{rules: r}}, nil
}

// PerRoute implements filter.Kind: RBACPerRoute takes the place of the filter's own rules; without rbac it turns them off.
func (Kind) PerRoute(a *anypb.Any) (any, error) {
	var m filterv3.RBACPerRoute
	if err := strict.Any(a, &m); err != nil {
		return nil, err
	}
	if m.GetRbac() == nil {
		return filter.Disabled{}, nil
	}
	r, err := compile(m.GetRbac())
	if err != nil {
		return nil, strict.At("rbac", err)
	}
	return r, nil
}

// rules are compiled policies; nil lets everything pass.
type rules struct {
	deny     bool // a match is refused; else a match is needed
	policies []policy
}

type policy struct {
	name       string
	what, whom rule
}

func compile(m *filterv3.RBAC) (*rules, error) {
	if err := strict.Fields(m, "rules", "rules_stat_prefix", "track_per_rule_stats"); err != nil {
		return nil, err
	}
	if m.GetRules() == nil {
		return nil, nil
	}
	if err := strict.At("rules", strict.Fields(m.GetRules(), "action", "policies")); err != nil {
		return nil, err
	}
	r := &rules{}
	switch m.GetRules().GetAction() {
	case rbacv3.RBAC_ALLOW:
	case rbacv3.RBAC_DENY:
		r.deny = true
	default:
		return nil, &strict.Unsupported{Field: "rules.action " + m.GetRules().GetAction().String(), Why: "use ALLOW or DENY"}
	}
	for name, p := range m.GetRules().GetPolicies() {
		at := fmt.Sprintf("rules.policies[%s]", name)
		if err := strict.At(at, strict.Fields(p, "permissions", "principals")); err != nil {
			return nil, err
		}
		if len(p.GetPermissions()) == 0 || len(p.GetPrincipals()) == 0 {
			return nil, fmt.Errorf("%s: permissions and principals must each have one at least", at)
		}
		what, err := permissions(p.GetPermissions())
		if err != nil {
			return nil, strict.At(at+".permissions", err)
		}
		whom, err := principals(p.GetPrincipals())
		if err != nil {
			return nil, strict.At(at+".principals", err)
		}
		r.policies = append(r.policies, policy{name, anyOf(what), anyOf(whom)})
	}
	slices.SortFunc(r.policies, func(a, b policy) int { return cmp.Compare(a.name, b.name) })
	return r, nil
}

// Filter lets requests pass or answers 403.
type Filter struct{ rules *rules }

// Request implements filter.Filter.
func (f *Filter) Request(x *filter.Exchange, perRoute any) filter.Verdict {
	r := f.rules
	if own, ok := perRoute.(*rules); ok {
		r = own
	}
	if r == nil {
		return filter.Continue
	}
	matched := "none"
	for i := range r.policies {
		if p := &r.policies[i]; p.what.match(x) && p.whom.match(x) {
			matched = p.name
			break
		}
	}
	if (matched != "none") != r.deny {
		return filter.Continue
	}
	x.Reply(403, "RBAC: access denied", 0, "rbac_access_denied_matched_policy["+matched+"]")
	return filter.Stop
}
