package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/protobuf/proto"
)

// State is all that a group of nodes is to have: by type URL, by name, the resource. It is a value: neither the
// messages nor what they point to may be changed after they were given to [Server.Set]. A message that is the very one
// that was given before costs a look-up; one that is equal costs a comparison.
type State map[string]map[string]proto.Message

// Patch is a part of a [State]: by type URL, by name, the resource that shall be, nil for one that shall not be.
type Patch map[string]map[string]proto.Message

// Change says what a Set or a Patch changed.
type Change struct {
	Group string
	// Version is the group's version after it. It grows by one with each Set or Patch that changes anything.
	Version uint64
	// Types has one entry for each type that changed, in serving order. It is empty if nothing did.
	Types []TypeChange
}

// TypeChange says what changed of one type, each list sorted.
type TypeChange struct {
	TypeURL                 string
	Added, Updated, Removed []string

	puts map[string]proto.Message
}

// Empty says that nothing changed.
func (c Change) Empty() bool { return len(c.Types) == 0 }

// diff compares what is held of a type with what shall be. Messages that are equal but not the same replace the held
// ones, so that the next comparison is free; this is the only thing that diff changes.
func diff(typeURL string, held, want map[string]proto.Message) (TypeChange, error) {
	change := TypeChange{TypeURL: typeURL}
	kept := 0
	for name, msg := range want {
		old, ok := held[name]
		if ok {
			kept++
		}
		if err := change.put(held, name, old, msg); err != nil {
			return TypeChange{}, err
		}
	}
	if kept < len(held) {
		for name := range held {
			if _, ok := want[name]; !ok {
				change.Removed = append(change.Removed, name)
			}
		}
	}
	change.sort()
	return change, nil
}

// amend compares what is held of a type with a part of what shall be, likewise.
func amend(typeURL string, held, part map[string]proto.Message) (TypeChange, error) {
	change := TypeChange{TypeURL: typeURL}
	for name, msg := range part {
		old, ok := held[name]
		switch {
		case msg != nil:
			if err := change.put(held, name, old, msg); err != nil {
				return TypeChange{}, err
			}
		case ok:
			change.Removed = append(change.Removed, name)
		}
	}
	change.sort()
	return change, nil
}

// put notes that name shall be msg where old is held, nil for nothing.
func (c *TypeChange) put(held map[string]proto.Message, name string, old, msg proto.Message) error {
	if old != nil && old == msg {
		return nil
	}
	if err := check(c.TypeURL, name, msg); err != nil {
		return err
	}
	switch {
	case old == nil:
		c.Added = append(c.Added, name)
	case proto.Equal(old, msg):
		held[name] = msg
		return nil
	default:
		c.Updated = append(c.Updated, name)
	}
	if c.puts == nil {
		c.puts = make(map[string]proto.Message)
	}
	c.puts[name] = msg
	return nil
}

func (c *TypeChange) sort() {
	slices.Sort(c.Added)
	slices.Sort(c.Updated)
	slices.Sort(c.Removed)
}

// empty says that nothing changed.
func (c *TypeChange) empty() bool { return len(c.puts) == 0 && len(c.Removed) == 0 }

// check refuses what no client could use, before anything of it is served.
func check(typeURL, name string, msg proto.Message) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("serve %s %q: %s", typeURL, name, fmt.Sprintf(format, args...))
	}
	if msg == nil || !msg.ProtoReflect().IsValid() {
		return fail("there is no message; leave the name out to remove the resource")
	}
	if name == "" || name == "*" {
		return fail("this cannot be a resource's name; give it another")
	}
	if full := string(msg.ProtoReflect().Descriptor().FullName()); full != typeURL[strings.LastIndexByte(typeURL, '/')+1:] {
		return fail("the message is a %s; put it under its own type", full)
	}
	// Clients of the state of the world read the name from the message.
	if own := cache.GetResourceName(msg); own != "" && own != name {
		return fail("the message calls itself %q; use one name", own)
	}
	if _, err := (proto.MarshalOptions{}).Marshal(msg); err != nil {
		return fail("%v; correct the message", err)
	}
	return nil
}
