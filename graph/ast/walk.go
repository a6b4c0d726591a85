package ast

// Walk visits p and every part below it, each before its children, in the order of the source.
func Walk(p Part, visit func(Part)) {
	if p == nil {
		return
	}
	visit(p)
	for _, c := range Children(p) {
		Walk(c, visit)
	}
}

// Children returns the parts directly below p, in the order of the source.
func Children(p Part) []Part {
	var out []Part
	add := func(parts ...Part) {
		for _, c := range parts {
			if c != nil {
				out = append(out, c)
			}
		}
	}
	switch p := p.(type) {
	case *Call, *Answer, *Pass, *Map:
	case *Chain:
		add(p.Parts...)
	case *Steps:
		for i := range p.Steps {
			add(p.Steps[i].Part)
		}
	case *Parallel:
		add(p.Parts...)
		if p.Combine.Server != nil {
			add(p.Combine.Server)
		}
	case *Choose:
		if p.Router != nil {
			add(p.Router)
		}
		for i := range p.With {
			add(p.With[i].Part)
		}
		for i := range p.Arms {
			add(p.Arms[i].Part)
		}
		add(p.Else)
	case *Cascade:
		for i := range p.Tries {
			add(p.Tries[i].Part)
		}
		add(p.Else)
	case *Guard:
		add(p.Then, p.Else)
	case *Original:
		add(p.Part)
	case *Scope:
		add(p.Part)
	case *Tap:
		add(p.Part)
		for i := range p.Shadows {
			add(p.Shadows[i].To)
		}
	case *Repeat:
		add(p.Part)
	case *Each:
		add(p.Part)
	}
	return out
}
