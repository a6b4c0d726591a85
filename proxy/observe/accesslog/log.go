package accesslog

import (
	"fmt"
	"sync"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"

	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// Log is the access log of one connection manager: any number of formats and sinks. A nil Log logs nothing, at no cost. It
// is safe for concurrent use.
type Log struct {
	sinks  *Sinks
	each   []target
	needs  Needs
	closed sync.Once
}

// target is one line's way.
type target struct {
	format *Format
	filter chooser // nil takes all
	sink   *sink
}

var _ filter.AccessLog = (*Log)(nil)

// New compiles the access_log of a connection manager and opens its sinks. It returns nil for an empty list. What is not
// supported is an error that names it. Close the Log after its last request.
func (s *Sinks) New(configs []*accesslogv3.AccessLog) (*Log, error) {
	ds, err := decode(configs)
	if err != nil || len(ds) == 0 {
		return nil, err
	}
	l := &Log{sinks: s}
	for i, d := range ds {
		k, err := s.take(d.sink)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("access_log[%d]: %w", i, err)
		}
		l.each = append(l.each, target{d.format, d.filter, k})
		l.needs = l.needs.or(d.format.needs)
	}
	return l, nil
}

// Check tells whether [Sinks.New] would take the configuration, and opens nothing.
func Check(configs []*accesslogv3.AccessLog) error {
	_, err := decode(configs)
	return err
}

// Needs says what entries must have beyond what is at hand anyway.
func (l *Log) Needs() Needs {
	if l == nil {
		return Needs{}
	}
	return l.needs
}

var entries = sync.Pool{New: func() any { return new(Entry) }}

// Log implements filter.AccessLog.
func (l *Log) Log(d stream.Downstream, info *router.Info) {
	if l == nil {
		return
	}
	e := entries.Get().(*Entry)
	e.Info, e.Request, e.Conn = info, d.Head(), d.Conn()
	l.Write(e)
	*e = Entry{}
	entries.Put(e)
}

var lines = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// maxKept is the largest line whose memory is kept.
const maxKept = 64 << 10

// Write logs one request. It never waits and keeps nothing of e.
func (l *Log) Write(e *Entry) {
	if l == nil {
		return
	}
	buf := lines.Get().(*[]byte)
	for i := range l.each {
		t := &l.each[i]
		if t.filter != nil && !t.filter.takes(e) {
			continue
		}
		*buf = t.format.Append((*buf)[:0], e)
		t.sink.put(*buf)
	}
	if cap(*buf) <= maxKept {
		lines.Put(buf)
	}
}

// Close gives the sinks back; what waits in them is written first. It may be called more than once.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.closed.Do(func() {
		for i := range l.each {
			l.sinks.give(l.each[i].sink)
		}
	})
}
