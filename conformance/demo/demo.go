package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// options say how the demo runs.
type options struct {
	Keep   bool
	Out    io.Writer
	Colour bool
}

// demo is what the sections share.
type demo struct {
	report
	options
	ctx     context.Context
	place   *place
	up      *up
	client  *http.Client
	started time.Time // after everything was prepared
}

// run shows everything. The error says what was not as it should be.
func run(ctx context.Context, o options) error {
	d := &demo{report: report{out: o.Out, colour: o.Colour}, options: o, ctx: ctx}
	var err error
	if d.place, err = prepare(ctx, o.Out); err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	d.client = &http.Client{Transport: transport, Timeout: time.Minute}
	d.started = time.Now()
	err = d.sections()
	if d.up != nil && (!d.Keep || err != nil) {
		d.up.kill()
	}
	if err == nil && len(d.wrong) > 0 {
		err = fmt.Errorf("%d of %d checks failed:\n  - %s", len(d.wrong), len(d.wrong)+d.right, strings.Join(d.wrong, "\n  - "))
	}
	if err != nil {
		return fmt.Errorf("%w\nthe log is %s", err, d.place.log())
	}
	if !d.Keep {
		os.RemoveAll(d.place.scratch)
	}
	return nil
}

// sections runs the seven parts in order; an error is what keeps the rest from running.
func (d *demo) sections() error {
	for _, step := range []func() error{d.stepServers, d.stepObjects, d.stepAsk, d.stepPlan, d.stepEdit, d.stepKill, d.stepStop} {
		if err := step(); err != nil {
			return err
		}
		if err := d.ctx.Err(); err != nil {
			return fmt.Errorf("stopped: %w", err)
		}
	}
	return nil
}
