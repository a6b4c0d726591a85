package diagnostic

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/millrace/millrace/protocol/message"
)

// Entry explains one code.
type Entry struct {
	Code message.Code
	// Title is one line without a full stop.
	Title string
	// Text is the explanation, in paragraphs: what it means, why it is so, what to do, with an example where that helps.
	Text string
}

var registry struct {
	sync.RWMutex // guards entries
	entries      map[message.Code]Entry
}

// Register adds the explanations of a package's codes; call it from an initialiser. A code that is registered twice is a
// mistake of the program and panics. It returns nothing of use: `var _ = diagnostic.Register(…)`.
func Register(entries ...Entry) struct{} {
	registry.Lock()
	defer registry.Unlock()
	if registry.entries == nil {
		registry.entries = make(map[message.Code]Entry)
	}
	for _, e := range entries {
		if _, twice := registry.entries[e.Code]; twice {
			panic(fmt.Sprintf("diagnostic: code %s is registered twice", e.Code))
		}
		registry.entries[e.Code] = e
	}
	return struct{}{}
}

// Explain returns the explanation of code, whose letters may be in any case.
func Explain(code string) (Entry, bool) {
	registry.RLock()
	defer registry.RUnlock()
	e, ok := registry.entries[message.Code(strings.ToUpper(strings.TrimSpace(code)))]
	return e, ok
}

// All returns every entry, by code.
func All() []Entry {
	registry.RLock()
	defer registry.RUnlock()
	all := make([]Entry, 0, len(registry.entries))
	for _, e := range registry.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(string(a.Code), string(b.Code)) })
	return all
}
