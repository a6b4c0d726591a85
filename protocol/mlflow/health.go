package mlflow

// The paths beside /invocations. [PathPing] and [PathHealth] answer 200 with [HealthBody] where the model is there, else 404; [PathVersion]
// answers MLflow's version as bare text.
const (
	PathInvocations = "/invocations"
	PathPing        = "/ping"
	PathHealth      = "/health"
	PathVersion     = "/version"
	HealthBody      = "\n"
)

// Version is the version of MLflow whose contract this package speaks.
const Version = "3.17.2"
