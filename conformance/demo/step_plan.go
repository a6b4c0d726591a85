package main

// stepPlan shows how a graph is run.
func (d *demo) stepPlan() error {
	d.section(4, "How a graph is run")
	samples := d.place.shown(d.place.samples)
	d.typed("millrace explain " + samples + " tidy")
	plan, err := d.output(d.place.binary, "explain", samples, "tidy")
	d.block(plan)
	d.check(err == nil && plan != "", "the plan of tidy%s", because(err))
	return nil
}
