package engine

import (
	"math/rand/v2"

	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

// state is the part of a run that is nobody else's business. Its memory is used again by the next run.
type state struct {
	call Call // of a plan with one call
	one  [1]*message.Message

	chunks []*[framesPerChunk]frame
	frames int // used
	arena  []result
	made   []*message.Message
	asked  *message.Message // what the run was begun on, and its scope; nil for a plan of one call
	outer  *message.Message
	held   []*body.Body // a shadow's: what the message that it was begun on may view; the starter's

	waiting  []*frame // with a call under way
	pendings []Pending
	shared   []shared
	env      condition.Env
	values   []condition.Value
	random   *rand.Rand // where the run has a seed

	root     result
	finished bool
}

// maxChunks bounds the frames that a run keeps for the next one, so that one huge request does not hold memory for ever.
const maxChunks = 32

// reset releases what the run made and empties the memory that it keeps.
func (s *state) reset() {
	for i, m := range s.made {
		m.Release()
		s.made[i] = nil
	}
	for c := range s.chunks {
		if c*framesPerChunk >= s.frames {
			break
		}
		clear(s.chunks[c][:])
	}
	if len(s.chunks) > maxChunks {
		s.chunks, s.arena, s.made = nil, nil, nil
	}
	clear(s.arena)
	clear(s.waiting[:cap(s.waiting)])
	clear(s.pendings[:cap(s.pendings)])
	clear(s.shared)
	clear(s.values[:cap(s.values)])
	*s = state{
		chunks: s.chunks, arena: s.arena[:0], made: s.made[:0], waiting: s.waiting[:0], pendings: s.pendings[:0],
		shared: s.shared[:0], values: s.values[:0],
	}
}

// float returns a random number in [0, 1).
func (r *Run) float() float64 {
	if r.Seed == 0 {
		return rand.Float64()
	}
	if r.random == nil {
		r.random = rand.New(rand.NewPCG(r.Seed, 0x9e3779b97f4a7c15))
	}
	return r.random.Float64()
}
