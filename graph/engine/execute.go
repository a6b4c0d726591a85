package engine

import (
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// Execute runs p on request, which stays the caller's and must live until Close. The reply belongs to the run: it is valid
// until Close unless it is retained. An error is always a *message.Failure that names the graph and the part.
func Execute(run *Run, p *plan.Plan, request *message.Message) (*message.Message, error) {
	run.call.Target = p.Single
	run.one[0] = request
	run.call.In = run.one[:]
	run.call.Deadline = run.Deadline
	run.call.Attempt = 1
	return run.engine.Servers.Start(run, &run.call).Wait()
}
