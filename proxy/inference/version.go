package inference

// Version is the program's, as server metadata shows it. It is set before the first request.
var Version = "dev"
