package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"path"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/cmd/millrace/local"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/pipeline"
)

func controlPlaneCommand() *cobra.Command {
	var xds, listen addressFlag
	var bind, group, status string
	var level levelFlag
	c := &cobra.Command{
		Use:   "control-plane DIR… --xds ADDRESS",
		Short: "Serve files of objects to proxies over xDS",
		Long: `Serve the objects of directories and files as xDS resources over ADS, incremental and state of the world, to Millrace and to
anything else that speaks it. A save is served at once; each prints one line, errors with their place. What is broken goes
on as it was.

A proxy belongs to the group that its node.cluster names. The listener is the proxies' own affair unless --listen says
where they are to listen.`,
		Example: `  millrace control-plane deploy/samples --xds 127.0.0.1:18000
  millrace control-plane /etc/millrace --xds :18000 --listen 0.0.0.0:8080 --node-group production`,
		Args: atLeast(1, "DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			if !xds.IsValid() {
				return &usageError{fmt.Errorf("control-plane: --xds is missing; it says where proxies connect, as --xds 127.0.0.1:18000"), c}
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends it at once
			lis, err := local.Listen("--xds", xds.AddrPort)
			if err != nil {
				return fmt.Errorf("control-plane: %w", err)
			}
			log := logger(c.ErrOrStderr(), level)
			srv := server.New(server.WithObserver(observer(log)))
			var p *pipeline.Pipeline
			p = pipeline.New(pipeline.Options{
				Files: pipeline.Files{Paths: args, Bind: bind}, Listen: listen.AddrPort, Server: srv, Group: group,
				Told: func(e pipeline.Event) {
					fmt.Fprintln(c.OutOrStdout(), e.Text())
					if status == "" {
						return
					}
					if err := p.WriteStatus(status); err != nil {
						log.Warn(err.Error())
					}
				},
			})
			return serve(ctx, c, lis, srv, p)
		},
	}
	c.Flags().Var(&xds, "xds", "where proxies connect")
	c.Flags().Var(&listen, "listen", "where the proxies listen")
	c.Flags().StringVar(&group, "node-group", "", "the node.cluster of the proxies that are served")
	c.Flags().StringVar(&status, "status-file", "", "a file that gets the standing of every object, as JSON, after each save")
	bindFlag(c, &bind)
	levelFlags(c, &level, "")
	return c
}

// serve runs the control plane until ctx ends.
func serve(ctx context.Context, c *cobra.Command, lis net.Listener, srv *server.Server, p *pipeline.Pipeline) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- srv.Serve(lis)
		cancel()
	}()
	fmt.Fprintf(c.OutOrStdout(), "serving xDS on %s\n", lis.Addr())
	err := p.Run(ctx)
	srv.Stop()
	if failed := <-served; err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("control-plane: %w", err)
	}
	return nil
}

// observer logs what nodes do.
func observer(log *slog.Logger) func(server.Event) {
	return func(e server.Event) {
		switch e.Kind {
		case server.Accepted:
			log.Info("accepted", "node", e.Node, "group", e.Group, "type", path.Base(e.TypeURL), "version", e.Version, "took", e.Took)
		case server.Refused:
			for _, r := range e.Errors {
				log.Warn("refused", "node", e.Node, "group", e.Group, "type", path.Base(e.TypeURL), "version", e.Version, "error", r.Error())
			}
		default:
			log.Info(string(e.Kind), "node", e.Node, "group", e.Group)
		}
	}
}
