package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/cmd/millrace/local"
	"github.com/millrace/millrace/proxy"
	"github.com/millrace/millrace/proxy/bootstrap"
)

// upDrain is how long connections may finish where `up` stops, or one of its listeners goes.
const upDrain = 5 * time.Second

func proxyCommand() *cobra.Command {
	var config, inline, node, cluster, zone, mode string
	var drain int
	level := levelFlag{level: levels["info"]}
	c := &cobra.Command{
		Use:   "proxy -c BOOTSTRAP",
		Short: "Run the data plane from an Envoy bootstrap",
		Long: `Run the proxy from an Envoy v3 bootstrap, YAML or JSON: node, admin, static_resources, dynamic_resources with ADS. The flags
are Envoy's own, as an agent passes them; those of Envoy's that have no effect here are taken and logged. SIGTERM drains
and stops it.`,
		Example: `  millrace proxy -c bootstrap.yaml
  millrace proxy -c /etc/envoy/bootstrap.json --service-node web-1 --service-cluster web --drain-time-s 45 -l warning`,
		Args: between(0, 0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			if config == "" && inline == "" {
				return &usageError{errors.New("proxy: -c is missing; it names an Envoy bootstrap file"), c}
			}
			b, err := readBootstrap(config, inline)
			if err != nil {
				return fmt.Errorf("proxy: %w", err)
			}
			if node != "" {
				b.Node.Id = node
			}
			if cluster != "" {
				b.Node.Cluster = cluster
			}
			if zone != "" {
				b.Node.Locality = &core.Locality{Region: b.Node.GetLocality().GetRegion(), Zone: zone, SubZone: b.Node.GetLocality().GetSubZone()}
			}
			log := logger(c.ErrOrStderr(), level)
			sayIdle(c, log)
			switch mode {
			case "validate":
				fmt.Fprintln(c.OutOrStdout(), "the bootstrap is valid")
				return nil
			case "serve":
				return runProxy(c.Context(), b, proxy.Options{Log: log, DrainTime: time.Duration(drain) * time.Second})
			}
			return &usageError{fmt.Errorf("proxy --mode %s: there are serve and validate", mode), c}
		},
	}
	f := c.Flags()
	f.StringVarP(&config, "config-path", "c", "", "the bootstrap file")
	f.StringVar(&inline, "config-yaml", "", "bootstrap text, YAML or JSON, laid over the file")
	f.StringVar(&node, "service-node", "", "the node's id, over the bootstrap's")
	f.StringVar(&cluster, "service-cluster", "", "the node's cluster, over the bootstrap's")
	f.StringVar(&zone, "service-zone", "", "the node's zone, over the bootstrap's")
	f.StringVar(&mode, "mode", "serve", "serve, or validate: read the bootstrap and end")
	f.IntVar(&drain, "drain-time-s", 600, "how long requests under way may take after SIGTERM, in seconds")
	levelFlags(c, &level, "l")
	idleFlags(c)
	complete(c, "mode", "serve", "validate")
	return c
}

// readBootstrap reads a file, text, or a file with text laid over it as Envoy does: what is single is replaced, lists grow.
func readBootstrap(file, inline string) (*bootstrap.Bootstrap, error) {
	switch {
	case inline == "":
		return bootstrap.Read(file)
	case file == "":
		return bootstrap.Parse("--config-yaml", []byte(inline))
	}
	under, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read bootstrap: %w", err)
	}
	var base, over map[string]any
	if err := yaml.Unmarshal(under, &base); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := yaml.Unmarshal([]byte(inline), &over); err != nil {
		return nil, fmt.Errorf("--config-yaml: %w", err)
	}
	text, err := yaml.Marshal(overlay(base, over))
	if err != nil {
		return nil, fmt.Errorf("lay --config-yaml over %s: %w", file, err)
	}
	return bootstrap.Parse(file+" with --config-yaml", text)
}

// overlay lays over on base, and returns the result.
func overlay(base, over any) any {
	switch o := over.(type) {
	case map[string]any:
		b, ok := base.(map[string]any)
		if !ok {
			return over
		}
		for k, v := range o {
			b[k] = overlay(b[k], v)
		}
		return b
	case []any:
		if b, ok := base.([]any); ok {
			return append(b, o...)
		}
	}
	return over
}

// runProxy runs a proxy until it is told to stop, and drains it.
func runProxy(ctx context.Context, b *bootstrap.Bootstrap, o proxy.Options) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(b.Ignored) > 0 {
		o.Log.Warn("fields of the bootstrap without effect", "fields", strings.Join(b.Ignored, ", "))
	}
	// The proxy outlives ctx: it drains first.
	p, err := proxy.Start(context.WithoutCancel(ctx), b, o)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	defer p.Close()
	select {
	case <-p.Ready():
		o.Log.Info("serving", "listen", strings.Join(p.ListenAddresses(), " "), "admin", p.AdminAddress())
	case <-ctx.Done():
	}
	<-ctx.Done()
	stop() // a second signal ends it at once
	o.Log.Info("draining")
	bounded, cancel := context.WithTimeout(context.Background(), o.DrainTime)
	defer cancel()
	if err := p.Drain(bounded); err != nil {
		o.Log.Warn("requests were cut off", "error", err)
	}
	return nil
}

// startProxy starts the proxy of `up`.
func startProxy(log *slog.Logger) func(context.Context, []byte) (local.Proxy, error) {
	return func(ctx context.Context, text []byte) (local.Proxy, error) {
		b, err := bootstrap.Parse("bootstrap", text)
		if err != nil {
			return nil, err
		}
		p, err := proxy.Start(ctx, b, proxy.Options{Log: log, DrainTime: upDrain})
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}
