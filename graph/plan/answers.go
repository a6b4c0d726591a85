package plan

import (
	"slices"

	"github.com/millrace/millrace/protocol/tensor"
)

// besides is a fixed answer with what is known of the parts that it stands beside.
type besides struct {
	answer *Answer
	others []*fields
}

// beside notes a fixed answer among the arms of a choice or the tries of a cascade.
func (t *typeChecker) beside(n Node, others []*fields) {
	if a, ok := n.(*Answer); ok {
		t.answers = append(t.answers, besides{a, slices.Clone(others)})
	}
}

// typeAnswers gives the fields of fixed answers the types that the parts beside them declare, where the values are exact in
// it: a 0 that somebody wrote is FP64 by itself, and INT64 beside a model that counts. So all arms answer alike, and rows of
// different arms fit together.
func typeAnswers(all []besides) {
	for _, b := range all {
		fs := slices.Clone(b.answer.Fields)
		for i := range fs {
			for _, other := range b.others {
				if other == nil || other.open {
					continue
				}
				got, _ := other.find(fs[i].Name)
				if got == nil || got.Type == tensor.Untyped || got.Type == fs[i].Datatype {
					continue
				}
				convert := tensor.Cast
				if fs[i].Datatype == tensor.Untyped {
					convert = tensor.Resolve
				}
				if typed, err := convert(&fs[i], got.Type); err == nil {
					fs[i] = typed
					break
				}
			}
		}
		b.answer.Fields = fs
	}
}
