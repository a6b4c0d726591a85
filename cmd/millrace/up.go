package main

import (
	"context"
	"fmt"
	"net/netip"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/cmd/millrace/local"
	"github.com/millrace/millrace/xds/source/pipeline"
)

func upCommand() *cobra.Command {
	listen := addressFlag{netip.MustParseAddrPort("127.0.0.1:8080")}
	admin := addressFlag{netip.MustParseAddrPort("127.0.0.1:9901")}
	xds := addressFlag{netip.MustParseAddrPort("127.0.0.1:18000")}
	level := levelFlag{level: levels["warning"]}
	var bind, ready string
	c := &cobra.Command{
		Use:   "up FILE…",
		Short: "Run everything of a file on this machine: servers, control plane and proxy",
		Long: `Run the model servers of files and directories as local processes, with a control plane and a proxy in front of them, and
answer at one address. Where and how a server runs is in its object, or in millrace.local.yaml beside it.

A save is applied at once, without a failed request; each prints one line. What is broken is shown with its place, and
serves as it was. Servers that end are started again. Ctrl-C or SIGTERM stops everything, the servers too; they
do not outlive this program even where it is killed.

How it goes is on standard output; what the servers write is on standard error, each line with the server's name.`,
		Example: `  millrace up deploy/samples
  millrace up triage.yaml topic.yaml --bind laptop.yaml 2> servers.log
  millrace up deploy/samples --listen 127.0.0.1:0 --admin 127.0.0.1:0 --xds 127.0.0.1:0 --ready-file ready.json`,
		Args: atLeast(1, "FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends it at once
			log := logger(c.ErrOrStderr(), level)
			err := local.Run(ctx, local.Options{
				Files: pipeline.Files{Paths: args, Bind: bind}, Listen: listen.AddrPort, Admin: admin.AddrPort, XDS: xds.AddrPort,
				ReadyFile: ready, Out: c.OutOrStdout(), Servers: c.ErrOrStderr(), Observe: observer(log), StartProxy: startProxy(log),
			})
			if err != nil {
				return fmt.Errorf("up: %w", err)
			}
			return nil
		},
	}
	f := c.Flags()
	f.Var(&listen, "listen", "where clients ask; port 0 picks a free one")
	f.Var(&admin, "admin", "where the proxy's admin page is")
	f.Var(&xds, "xds", "where the control plane serves ADS")
	f.StringVar(&ready, "ready-file", "", "a file that gets the addresses, as JSON, once all is serving")
	bindFlag(c, &bind)
	levelFlags(c, &level, "")
	return c
}
