package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/xds/client"
)

// control reads the state of the connection to the control plane.
type control struct {
	status func() client.Status

	connected, streams, age, updates, resources *prometheus.Desc
	accepted, refused                           map[string]*prometheus.Desc // Envoy's names, by type
}

func newControl(status func() client.Status) *control {
	c := &control{
		status:    status,
		connected: desc("envoy_control_plane_connected_state", "1 while there is a stream to the control plane."),
		streams:   desc("millrace_xds_streams_total", "Streams that were opened to the control plane."),
		age:       desc("millrace_xds_age_seconds", "Seconds since the control plane last said anything; absent until it did."),
		updates:   desc("millrace_xds_updates_total", "Responses of the control plane, accepted (ACK) or rejected (NACK).", "type", "result"),
		resources: desc("millrace_xds_resources", "Resources of the control plane that are held.", "type"),
		accepted:  map[string]*prometheus.Desc{}, refused: map[string]*prometheus.Desc{},
	}
	for kind, name := range map[string]string{"Cluster": "envoy_cluster_manager_cds", "Listener": "envoy_listener_manager_lds"} {
		c.accepted[kind] = desc(name+"_update_success", "Responses of the control plane that were accepted.")
		c.refused[kind] = desc(name+"_update_rejected", "Responses of the control plane that were rejected.")
	}
	return c
}

func (c *control) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.connected, c.streams, c.age, c.updates, c.resources} {
		ch <- d
	}
	for kind := range c.accepted {
		ch <- c.accepted[kind]
		ch <- c.refused[kind]
	}
}

func (c *control) Collect(ch chan<- prometheus.Metric) {
	s := c.status()
	connected := 0.0
	if s.Connected {
		connected = 1
	}
	ch <- prometheus.MustNewConstMetric(c.connected, prometheus.GaugeValue, connected)
	ch <- prometheus.MustNewConstMetric(c.streams, prometheus.CounterValue, float64(s.Streams))
	if !s.LastResponse.IsZero() {
		ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, s.Age(time.Now()).Seconds())
	}
	for _, t := range s.Types {
		kind := t.TypeURL[strings.LastIndexAny(t.TypeURL, "./")+1:]
		ch <- prometheus.MustNewConstMetric(c.updates, prometheus.CounterValue, float64(t.Accepted), kind, "accepted")
		ch <- prometheus.MustNewConstMetric(c.updates, prometheus.CounterValue, float64(t.Refused), kind, "rejected")
		ch <- prometheus.MustNewConstMetric(c.resources, prometheus.GaugeValue, float64(t.Resources), kind)
		if d := c.accepted[kind]; d != nil {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(t.Accepted))
			ch <- prometheus.MustNewConstMetric(c.refused[kind], prometheus.CounterValue, float64(t.Refused))
		}
	}
}
