package policy

import (
	"fmt"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Vote returns, element by element, the value of field that has the most weight behind it. A tie goes to what part tie says, if that
// is among the first, else (also for tie -1) to the earliest part's of those. An empty field means each part's answer.
func Vote(parts []Part, field string, tie int) (*message.Content, error) {
	ballots := make([]*tensor.Tensor, len(parts))
	for p := range parts {
		c := parts[p].Content
		name := field
		if name == "" {
			name = c.Answer
		}
		t := c.Tensor(name)
		if t == nil && field == "" && len(c.Tensors) > 0 {
			t = &c.Tensors[0]
		}
		if t == nil {
			return nil, fmt.Errorf("part %s has no output %s to vote with", parts[p].Name, orAny(name, "at all"))
		}
		if p > 0 && (t.Datatype != ballots[0].Datatype || !fits(t.Shape, ballots[0].Shape)) {
			return nil, mismatch(&parts[0], ballots[0], &parts[p], t)
		}
		ballots[p] = t
	}
	n := ballots[0].Len()
	columns := make([][][]byte, len(parts))
	for p, t := range ballots {
		columns[p] = elements(t, n)
	}
	won := tensor.Tensor{Name: ballots[0].Name, Datatype: ballots[0].Datatype, Shape: ballots[0].Shape}
	for i := range n {
		v := columns[winner(parts, columns, i, tie)][i]
		if won.Datatype.Size() == 0 {
			won.Data = tensor.AppendBytes(won.Data, v)
		} else {
			won.Data = append(won.Data, v...)
		}
	}
	out := like(parts[0].Content)
	out.Tensors, out.Answer = []tensor.Tensor{won}, won.Name
	return out, nil
}

// winner returns the part whose value of element i won.
func winner(parts []Part, columns [][][]byte, i, tie int) int {
	best, bestWeight, tied := -1, 0.0, false
	for p := range parts {
		weight, first := 0.0, p
		for q := range parts {
			if string(columns[q][i]) == string(columns[p][i]) {
				weight += parts[q].Weight
				first = min(first, q)
			}
		}
		isTie := tie >= 0 && string(columns[tie][i]) == string(columns[p][i])
		switch {
		case first < p: // counted with the earlier part of the same value
		case best < 0 || weight > bestWeight:
			best, bestWeight, tied = p, weight, isTie
		case weight == bestWeight && isTie && !tied:
			best, tied = p, true
		}
	}
	return best
}

// elements returns the bytes of each element, as views.
func elements(t *tensor.Tensor, n int) [][]byte {
	out := make([][]byte, 0, n)
	if size := t.Datatype.Size(); size > 0 {
		for i := range n {
			out = append(out, t.Data[i*size:(i+1)*size])
		}
		return out
	}
	walk := t.Strings()
	for range n {
		v, _ := walk.Next()
		out = append(out, v)
	}
	return out
}
