package server

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// maxTypes bounds the types of one group, served or only asked for.
const maxTypes = 128

// group is what one set of nodes gets.
type group struct {
	// Read-only after construction.
	name string
	// instance starts every version, so that a client that knew another run of the control plane is told everything.
	instance string

	mu sync.Mutex
	// Guarded by mu. Each use of a cache is guarded as well, so that a Set is one step for all peers.
	types   map[string]*served
	peers   map[*peer]struct{}
	version uint64
	// set says that Set was called: the group outlives its peers.
	set bool
	// changed is closed, and replaced, when the standing of any peer may have changed.
	changed chan struct{}
}

// served is one type of one group.
type served struct {
	cache *cache.LinearCache
	held  map[string]proto.Message
}

func newGroup(name, instance string) *group {
	return &group{
		name:     name,
		instance: instance,
		types:    make(map[string]*served),
		peers:    make(map[*peer]struct{}),
		changed:  make(chan struct{}),
	}
}

// typeLocked returns a type of the group, which is created if it is new: a type that nobody serves is an empty one, as
// without any cache a request for it would end the stream.
func (g *group) typeLocked(typeURL string) (*served, error) {
	if s := g.types[typeURL]; s != nil {
		return s, nil
	}
	if len(g.types) >= maxTypes {
		return nil, status.Errorf(codes.ResourceExhausted, "group %q: more than %d resource types were asked for", g.name, maxTypes)
	}
	s := &served{
		cache: cache.NewLinearCache(typeURL, cache.WithVersionPrefix(g.instance)),
		held:  make(map[string]proto.Message),
	}
	g.types[typeURL] = s
	return s, nil
}

// label is a version as clients see it.
func (g *group) label(version uint64) string {
	return g.instance + strconv.FormatUint(version, 10)
}

// replace makes the group hold state and nothing else. If any resource is bad, nothing is changed.
func (g *group) replace(state State) (Change, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	urls := slices.Collect(maps.Keys(state))
	for typeURL, s := range g.types {
		if _, ok := state[typeURL]; !ok && len(s.held) > 0 {
			urls = append(urls, typeURL)
		}
	}
	return g.changeLocked(urls, func(typeURL string, held map[string]proto.Message) (TypeChange, error) {
		return diff(typeURL, held, state[typeURL])
	})
}

// patch makes the group hold what is in the patch, and leaves the rest. If any resource is bad, nothing is changed.
func (g *group) patch(p Patch) (Change, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changeLocked(slices.Collect(maps.Keys(p)), func(typeURL string, held map[string]proto.Message) (TypeChange, error) {
		return amend(typeURL, held, p[typeURL])
	})
}

// changeLocked finds what changes of each type, and makes it so. Additions and updates go out first, in serving order,
// then removals in the opposite order, so that a node never hears of something that names what it was not told of, or
// was told is gone.
func (g *group) changeLocked(urls []string, find func(string, map[string]proto.Message) (TypeChange, error)) (Change, error) {
	g.set = true
	slices.SortFunc(urls, compareTypes)
	change := Change{Group: g.name}
	for _, typeURL := range urls {
		s, err := g.typeLocked(typeURL)
		if err != nil {
			return Change{}, err
		}
		c, err := find(typeURL, s.held)
		if err != nil {
			return Change{}, err
		}
		if !c.empty() {
			change.Types = append(change.Types, c)
		}
	}
	if change.Empty() {
		change.Version = g.version
		return change, nil
	}
	g.version++
	change.Version = g.version

	var failed error
	for i := range change.Types {
		failed = g.updateLocked(&change.Types[i], change.Types[i].puts, nil, failed)
	}
	for i := len(change.Types) - 1; i >= 0; i-- {
		failed = g.updateLocked(&change.Types[i], nil, change.Types[i].Removed, failed)
		change.Types[i].puts = nil
	}
	for p := range g.peers {
		p.caughtUpLocked()
	}
	g.changedLocked()
	return change, failed
}

// updateLocked changes one cache, and passes on to the peers what it answers.
func (g *group) updateLocked(c *TypeChange, puts map[string]proto.Message, removed []string, failed error) error {
	if len(puts)+len(removed) == 0 {
		return failed
	}
	s := g.types[c.TypeURL]
	update := make(map[string]types.Resource, len(puts))
	for name, msg := range puts {
		update[name] = msg
		s.held[name] = msg
	}
	for _, name := range removed {
		delete(s.held, name)
	}
	if err := s.cache.UpdateResources(update, removed); err != nil && failed == nil {
		failed = fmt.Errorf("serve %s to group %q: %w", c.TypeURL, g.name, err)
	}
	for p := range g.peers {
		p.forwardLocked()
	}
	return failed
}

// changedLocked wakes those who wait for the standing of a peer.
func (g *group) changedLocked() {
	close(g.changed)
	g.changed = make(chan struct{})
}
