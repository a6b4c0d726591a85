package accesslog

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// kind is an operator.
type kind uint8

const (
	startTime kind = iota + 1
	requestHeader
	responseHeader
	trailer
	protocolName
	responseCode
	responseDetails
	responseFlags
	bytesReceived
	bytesSent
	duration
	requestDuration
	responseDuration
	responseTxDuration
	upstreamHost
	upstreamCluster
	upstreamAttempts
	upstreamFailure
	routeName
	requestID
	remoteAddress
	remoteHost
	remotePort
	localAddress
	localHost
	localPort
	connectionID
	serverName
	tlsVersion
	tlsCipher
	grpcStatus
	grpcNumber
	constant // its value is alt
	unknowable
	listenerName
	graphName
	decisions
	failure
)

// arguments is what may follow an operator's name in parentheses.
type arguments uint8

const (
	noArgument arguments = iota
	header               // NAME or NAME?ALTERNATIVE, required
	clock                // a time's format, may be left out
	variable             // a name, required
	style                // of a gRPC status, may be left out
)

// operators are the names that a format may have between percent signs.
var operators = map[string]struct {
	kind kind
	args arguments
}{
	"START_TIME":                             {startTime, clock},
	"REQ":                                    {requestHeader, header},
	"REQUEST_HEADER":                         {requestHeader, header},
	"RESP":                                   {responseHeader, header},
	"RESPONSE_HEADER":                        {responseHeader, header},
	"TRAILER":                                {trailer, header},
	"RESPONSE_TRAILER":                       {trailer, header},
	"PROTOCOL":                               {protocolName, noArgument},
	"RESPONSE_CODE":                          {responseCode, noArgument},
	"RESPONSE_CODE_DETAILS":                  {responseDetails, noArgument},
	"RESPONSE_FLAGS":                         {responseFlags, noArgument},
	"BYTES_RECEIVED":                         {bytesReceived, noArgument},
	"BYTES_SENT":                             {bytesSent, noArgument},
	"DURATION":                               {duration, noArgument},
	"REQUEST_DURATION":                       {requestDuration, noArgument},
	"RESPONSE_DURATION":                      {responseDuration, noArgument},
	"RESPONSE_TX_DURATION":                   {responseTxDuration, noArgument},
	"UPSTREAM_HOST":                          {upstreamHost, noArgument},
	"UPSTREAM_REMOTE_ADDRESS":                {upstreamHost, noArgument},
	"UPSTREAM_CLUSTER":                       {upstreamCluster, noArgument},
	"UPSTREAM_CLUSTER_RAW":                   {upstreamCluster, noArgument},
	"UPSTREAM_REQUEST_ATTEMPT_COUNT":         {upstreamAttempts, noArgument},
	"UPSTREAM_TRANSPORT_FAILURE_REASON":      {upstreamFailure, noArgument},
	"UPSTREAM_LOCAL_ADDRESS":                 {unknowable, noArgument},
	"CONNECTION_TERMINATION_DETAILS":         {unknowable, noArgument},
	"ROUTE_NAME":                             {routeName, noArgument},
	"REQUEST_ID":                             {requestID, noArgument},
	"STREAM_ID":                              {requestID, noArgument},
	"DOWNSTREAM_REMOTE_ADDRESS":              {remoteAddress, noArgument},
	"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": {remoteHost, noArgument},
	"DOWNSTREAM_REMOTE_PORT":                 {remotePort, noArgument},
	"DOWNSTREAM_DIRECT_REMOTE_ADDRESS":       {remoteAddress, noArgument},
	"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": {remoteHost, noArgument},
	"DOWNSTREAM_DIRECT_REMOTE_PORT":                 {remotePort, noArgument},
	"DOWNSTREAM_LOCAL_ADDRESS":                      {localAddress, noArgument},
	"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT":         {localHost, noArgument},
	"DOWNSTREAM_LOCAL_PORT":                         {localPort, noArgument},
	"CONNECTION_ID":                                 {connectionID, noArgument},
	"REQUESTED_SERVER_NAME":                         {serverName, noArgument},
	"DOWNSTREAM_TLS_VERSION":                        {tlsVersion, noArgument},
	"DOWNSTREAM_TLS_CIPHER":                         {tlsCipher, noArgument},
	"GRPC_STATUS":                                   {grpcStatus, style},
	"GRPC_STATUS_NUMBER":                            {grpcNumber, noArgument},
	"HOSTNAME":                                      {constant, noArgument},
	"ENVIRONMENT":                                   {constant, variable},
	"LISTENER":                                      {listenerName, noArgument},
	"GRAPH":                                         {graphName, noArgument},
	"DECISIONS":                                     {decisions, noArgument},
	"FAILURE":                                       {failure, noArgument},
}

// numeric are the operators whose value is a number in JSON.
var numeric = map[kind]bool{
	responseCode: true, bytesReceived: true, bytesSent: true, duration: true, requestDuration: true, responseDuration: true,
	responseTxDuration: true, upstreamAttempts: true, remotePort: true, localPort: true, connectionID: true, grpcNumber: true,
}

// serviceTime is the response field that is measured where it was not sent.
const serviceTime = "x-envoy-upstream-service-time"

// operator is one compiled operator, or literal text.
type operator struct {
	kind      kind
	text      string // literal (kind 0), header name, or constant value
	alt       string // the header to take where text is missing
	max       int    // bytes of the value; 0 is no bound
	time      []timePart
	snakeCase bool // of a gRPC status
}

// parse compiles a format string. Positions in errors count bytes from 1.
func parse(format string) ([]operator, error) {
	var out []operator
	var literal []byte
	flush := func() {
		if len(literal) > 0 {
			out = append(out, operator{text: string(literal)})
			literal = literal[:0]
		}
	}
	for i := 0; i < len(format); {
		if format[i] != '%' {
			literal = append(literal, format[i])
			i++
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			literal = append(literal, '%')
			i += 2
			continue
		}
		op, n, err := parseOperator(format[i:])
		if err != nil {
			return nil, fmt.Errorf("access log format, at character %d: %w", i+1, err)
		}
		flush()
		out = append(out, op)
		i += n
	}
	flush()
	return out, nil
}

// parseOperator compiles the operator that s begins with, and returns its length.
func parseOperator(s string) (operator, int, error) {
	n := 1
	for n < len(s) && (s[n] == '_' || 'A' <= s[n] && s[n] <= 'Z' || '0' <= s[n] && s[n] <= '9') {
		n++
	}
	name := s[1:n]
	argument, has := "", false
	if n < len(s) && s[n] == '(' {
		end := strings.IndexByte(s[n:], ')')
		if end < 0 {
			return operator{}, 0, fmt.Errorf("%%%s( has no ) after it", name)
		}
		argument, has = s[n+1:n+end], true
		n += end + 1
	}
	limit := 0
	if n < len(s) && s[n] == ':' {
		from := n + 1
		for n++; n < len(s) && '0' <= s[n] && s[n] <= '9'; n++ {
		}
		var err error
		if limit, err = strconv.Atoi(s[from:n]); err != nil || limit == 0 {
			return operator{}, 0, fmt.Errorf("%%%s: the length after : must be a number above 0", name)
		}
	}
	if n >= len(s) || s[n] != '%' {
		return operator{}, 0, fmt.Errorf("%%%s has no %% after it; write %%%% for a percent sign", name)
	}
	o, known := operators[name]
	if !known {
		return operator{}, 0, fmt.Errorf("unknown operator %%%s%%%s", name, near(name))
	}
	op := operator{kind: o.kind, max: limit}
	if err := op.argument(name, argument, has, o.args); err != nil {
		return operator{}, 0, err
	}
	return op, n + 1, nil
}

// argument takes what stood in parentheses.
func (op *operator) argument(name, a string, has bool, want arguments) error {
	switch want {
	case noArgument:
		if has {
			return fmt.Errorf("%%%s takes nothing in parentheses", name)
		}
		if op.kind == constant {
			op.text, _ = os.Hostname()
		}
	case header:
		op.text, op.alt, _ = strings.Cut(strings.ToLower(a), "?")
		if op.text == "" {
			return fmt.Errorf("%%%s needs a field's name: %%%s(NAME)%%", name, name)
		}
	case variable:
		if a == "" {
			return fmt.Errorf("%%%s needs a name: %%%s(NAME)%%", name, name)
		}
		op.text = os.Getenv(a)
	case style:
		switch a {
		case "", "CAMEL_STRING":
		case "SNAKE_STRING":
			op.snakeCase = true
		case "NUMBER":
			op.kind = grpcNumber
		default:
			return fmt.Errorf("%%%s(%s): write CAMEL_STRING, SNAKE_STRING or NUMBER", name, a)
		}
	case clock:
		if a == "" {
			a = "%Y-%m-%dT%H:%M:%E3SZ"
		}
		var err error
		if op.time, err = parseTime(a); err != nil {
			return fmt.Errorf("%%%s: %w", name, err)
		}
	}
	return nil
}

// near suggests what an unknown operator may have meant.
func near(name string) string {
	var found []string
	for o := range operators {
		if len(name) > 2 && (strings.Contains(o, name) || strings.Contains(name, o) && len(o) > 4) {
			found = append(found, "%"+o+"%")
		}
	}
	slices.Sort(found)
	if len(found) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(found[:min(3, len(found))], " or ") + "?"
}

// needs tells what the operators read.
func needs(ops []operator) Needs {
	var n Needs
	for i := range ops {
		switch ops[i].kind {
		case responseHeader:
			n.Response = n.Response || ops[i].text != serviceTime || ops[i].alt != ""
		case trailer:
			n.Trailers = true
		case grpcStatus, grpcNumber:
			n.Response, n.Trailers = true, true
		case decisions:
			n.Decisions = true
		}
	}
	return n
}
