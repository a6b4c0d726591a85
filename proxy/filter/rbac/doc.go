// Package rbac is the HTTP filter envoy.extensions.filters.http.rbac.v3: it lets requests pass, or not, by who sends them
// and what they ask for.
//
// A rule that the filter cannot judge is refused when configuration arrives, by name: it never counts as matched or as not
// matched. remote_ip is among these, because it trusts x-forwarded-for; use direct_remote_ip.
//
// Flow: proxy/filter's manager calls it with a request's head. The package imports proxy/filter, proxy/router/match and
// proxy/config/strict.
package rbac
