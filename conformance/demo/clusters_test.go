package main

import "testing"

func TestFiguresAreReadByEndpoint(t *testing.T) {
	all := parseClusters("a::default_priority::max_connections::1024\na::127.0.0.1:80::rq_active::3\na::127.0.0.1:80::weight::1\na::127.0.0.1:81::rq_active::4\nb::127.0.0.1:80::health_flags::healthy\n")
	if len(all) != 3 {
		t.Fatalf("%d endpoints, want 3: %v", len(all), all)
	}
	if got := of(all, "a"); len(got) != 2 || got[0].figures["rq_active"] != 3 || got[1].figures["rq_active"] != 4 || got[1].port() != 81 {
		t.Errorf("got %v", got)
	}
}
