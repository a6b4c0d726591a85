package client

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/xds/status"
)

const wrappedType = "type.googleapis.com/envoy.service.discovery.v3.Resource"

// answer hands one response to the handler and sends the ACK or the NACK.
func (c *Client) answer(str *adsStream, r *discovery.DeltaDiscoveryResponse) error {
	reply := &discovery.DeltaDiscoveryRequest{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce()}
	c.mu.Lock()
	t := c.types[r.GetTypeUrl()]
	c.mu.Unlock()
	if t == nil {
		reply.ErrorDetail = status.Detail(r.GetTypeUrl(), len(r.GetResources()), unasked(r))
		return c.pace(str, &str.strangers, reply)
	}

	c.mu.Lock()
	update, errs := t.updateLocked(r)
	c.mu.Unlock()
	if !update.empty() || !t.known {
		t.known = true
		errs = append(errs, c.handler.Apply(update)...)
	}
	t.accept(update, errs)
	c.heard(t, r.GetSystemVersionInfo(), r.GetControlPlane().GetIdentifier(), errs)

	reply.ErrorDetail = status.Detail(r.GetTypeUrl(), len(r.GetResources()), errs)
	return c.pace(str, &t.nack, reply)
}

// updateLocked unwraps a response and takes out what is bad before anybody looks into it: duplicates, foreign types,
// resources without a name or a body. What is no longer wanted is left out without a word: the server may not have
// heard yet. The caller holds Client.mu.
func (t *subscription) updateLocked(r *discovery.DeltaDiscoveryResponse) (Update, []ResourceError) {
	u := Update{TypeURL: r.GetTypeUrl(), Version: r.GetSystemVersionInfo()}
	var errs []ResourceError
	times := make(map[string]int, len(r.GetResources())+len(r.GetRemovedResources()))
	resources := make([]*discovery.Resource, 0, len(r.GetResources()))
	for _, res := range r.GetResources() {
		res, err := unwrap(res, u.TypeURL)
		if err != nil {
			errs = append(errs, *err)
			continue
		}
		resources = append(resources, res)
		times[res.GetName()]++
	}
	for _, name := range r.GetRemovedResources() {
		times[name]++
	}
	for name, n := range times {
		if n > 1 {
			errs = append(errs, ResourceError{Name: name, Code: status.CodeDuplicate,
				Message: fmt.Sprintf("occurs %d times in one response; send it once", n)})
		}
	}
	slices.SortStableFunc(errs, func(a, b ResourceError) int { return strings.Compare(a.Name, b.Name) })

	for _, res := range resources {
		switch name := res.GetName(); {
		case times[name] > 1 || !t.wantsLocked(name):
		case res.GetResource() != nil:
			u.Resources = append(u.Resources, Resource{Name: name, Version: res.GetVersion(), Body: res.GetResource()})
		case res.GetTtl() != nil && t.versions[name] == res.GetVersion():
			// A heartbeat: the resource is as it was.
		default:
			errs = append(errs, ResourceError{Name: name, Code: status.CodeEmpty, Message: "has no body"})
		}
	}
	for _, name := range r.GetRemovedResources() {
		if times[name] == 1 && t.wantsLocked(name) {
			u.Removed = append(u.Removed, name)
		}
	}
	for _, e := range r.GetResourceErrors() {
		if name := e.GetResourceName().GetName(); t.wantsLocked(name) {
			code := codes.Code(e.GetErrorDetail().GetCode()).String()
			u.Failed = append(u.Failed, ResourceError{Name: name, Code: code, Message: e.GetErrorDetail().GetMessage()})
		}
	}
	return u, errs
}

// unwrap looks through a resource that is wrapped a second time, as in the state of the world, and checks its name and
// its type.
func unwrap(res *discovery.Resource, typeURL string) (*discovery.Resource, *ResourceError) {
	if res.GetResource().GetTypeUrl() == wrappedType && typeURL != wrappedType {
		inner := new(discovery.Resource)
		if err := anypb.UnmarshalTo(res.GetResource(), inner, proto.UnmarshalOptions{DiscardUnknown: true}); err != nil {
			return nil, &ResourceError{Name: res.GetName(), Code: status.CodeType, Message: "is wrapped, and not readable: " + err.Error()}
		}
		if inner.Name == "" {
			inner.Name = res.GetName()
		}
		if inner.Version == "" {
			inner.Version = res.GetVersion()
		}
		if res.GetName() != "" && inner.Name != res.GetName() {
			return nil, &ResourceError{Name: res.GetName(), Code: status.CodeType, Message: fmt.Sprintf("is wrapped under another name, %q", inner.Name)}
		}
		res = inner
	}
	if res.GetName() == "" {
		return nil, &ResourceError{Code: status.CodeEmpty, Message: "a resource without a name"}
	}
	if got := res.GetResource().GetTypeUrl(); res.GetResource() != nil && got != typeURL {
		return nil, &ResourceError{Name: res.GetName(), Code: status.CodeType, Message: fmt.Sprintf("is a %s in a response of %s", got, typeURL)}
	}
	return res, nil
}

// unasked is what is wrong with a response of a type that was never subscribed to.
func unasked(r *discovery.DeltaDiscoveryResponse) []ResourceError {
	message := fmt.Sprintf("type %s was not asked for", r.GetTypeUrl())
	errs := make([]ResourceError, 0, len(r.GetResources()))
	for _, res := range r.GetResources() {
		errs = append(errs, ResourceError{Name: res.GetName(), Code: status.CodeType, Message: message})
	}
	if len(errs) == 0 {
		errs = append(errs, ResourceError{Code: status.CodeType, Message: message})
	}
	return errs
}

// accept notes the versions of what the handler took. A resource that was refused keeps the version of the last good
// one, so that a control plane that is met later learns of it again.
func (t *subscription) accept(u Update, errs []ResourceError) {
	refused := make(map[string]bool, len(errs))
	for _, e := range errs {
		refused[e.Name] = true
	}
	for _, res := range u.Resources {
		if !refused[res.Name] {
			t.versions[res.Name] = res.Version
		}
	}
	for _, name := range u.Removed {
		if !refused[name] {
			delete(t.versions, name)
		}
	}
}

// pace sends the answer, or holds it back if it is a NACK that follows an earlier one of the type too fast: some servers
// answer a NACK with the same thing again, tens of thousands of times a second.
func (c *Client) pace(str *adsStream, n *nackPace, reply *discovery.DeltaDiscoveryRequest) error {
	if reply.GetErrorDetail() == nil {
		*n = nackPace{}
		return c.send(str, reply)
	}
	if n.held != nil {
		n.held, n.flooded = reply, true
		return nil
	}
	now := time.Now()
	// What comes later than that is an answer to something else, such as a file that was saved again.
	if now.Sub(n.last) < c.nackPace.Base {
		n.held, n.due = reply, now.Add(c.nackPace.wait(n.count))
		n.count++
		return nil
	}
	n.count, n.last = 0, now
	return c.send(str, reply)
}

// heldNacks returns when the first NACK that is held must be sent, zero if none is, and whether a server floods us.
func (c *Client) heldNacks(str *adsStream) (due time.Time, flooded bool) {
	for n := range c.paces(str) {
		if n.held != nil && (due.IsZero() || n.due.Before(due)) {
			due = n.due
		}
		flooded = flooded || n.flooded
	}
	return due, flooded
}

// releaseNacks sends the NACKs whose time has come.
func (c *Client) releaseNacks(str *adsStream) error {
	now := time.Now()
	for n := range c.paces(str) {
		if n.held == nil || now.Before(n.due) {
			continue
		}
		reply := n.held
		n.held, n.flooded, n.last = nil, false, now
		if err := c.send(str, reply); err != nil {
			return err
		}
	}
	return nil
}

// paces are the back-offs of all types, and that of those that were never asked for.
func (c *Client) paces(str *adsStream) iter.Seq[*nackPace] {
	return func(yield func(*nackPace) bool) {
		for _, t := range c.subscriptions() {
			if !yield(&t.nack) {
				return
			}
		}
		yield(&str.strangers)
	}
}
