# make demo           everything, shown with real model servers; KEEP=1 leaves it running
# make test           everything, checked; .ci/run calls this
# make build          .cache/bin/millrace
# make bench          Millrace beside its peers: WORK=REGEXP picks, ROUNDS=N repeats
# make microbench fuzz soak lint proto

GO      ?= go
BIN     := $(CURDIR)/.cache/bin
RESULTS := $(CURDIR)/.cache/test.json
DIRS    := cmd conformance deploy graph protocol proxy xds
FEATURES = $(BIN)/features

# The code that no model server is needed for, and the code that it is.
UNITS   = $$($(GO) list ./... | grep -v /conformance)
REAL    = ./conformance/...

FUZZTIME ?= 10s
SOAK     ?= 10m
BENCH    ?= .
WORK     ?=
ROUNDS   ?= 10
BASE     ?=

.PHONY: demo build test bench microbench fuzz soak lint proto clean
.PHONY: check-format check-vet check-proto test-units test-poison test-real check-features environments tools

demo:
	@mkdir -p $(BIN)
	@echo "building millrace and installing model servers; the first time takes some minutes"
	@$(GO) build -o $(BIN)/environment ./conformance/environment
	@$(BIN)/environment fastapi kserve mlserver seldon >/dev/null & installed=$$!; \
	$(GO) build -o $(BIN)/ ./cmd/millrace ./conformance/demo; built=$$?; \
	wait $$installed && exit $$built
	@$(BIN)/demo $(if $(KEEP),-keep)

build:
	@mkdir -p $(BIN)
	$(GO) build -o $(BIN)/millrace ./cmd/millrace

# Each step says what it is; the first that fails ends it. Real servers' suites run one after another and without the race
# detector: they measure times, and what they run is tested with it as a unit.
test: forget check-format check-vet check-proto test-units test-poison test-real check-features

.PHONY: forget start
forget:
	@rm -f $(RESULTS)

start:
	@mkdir -p $(BIN)
	@$(GO) build -o $(FEATURES) ./conformance/features

check-format:
	@echo "== gofmt"
	@found=$$(gofmt -l $(DIRS)); test -z "$$found" || { echo "gofmt would change:"; echo "$$found"; exit 1; }

check-vet:
	@echo "== go vet"
	@$(GO) vet ./...

check-proto: $(BIN)/buf
	@echo "== buf lint"
	@cd xds/api && $(BIN)/buf lint

test-units: start
	@echo "== tests without servers, with the race detector"
	@$(FEATURES) record $(RESULTS) $(GO) test -json -race -timeout 10m $(UNITS)

test-poison: start
	@echo "== the data path again, with buffers that are overwritten on their last release"
	@$(FEATURES) record $(RESULTS) $(GO) test -json -tags poison -timeout 10m ./proxy/... ./protocol/... ./graph/...

test-real: start environments
	@echo "== tests with real model servers and official clients, and the demo"
	@$(FEATURES) record $(RESULTS) $(GO) test -json -count 1 -p 1 -timeout 15m $(REAL)

check-features: start
	@echo "== conformance/FEATURES.md against the tests that ran"
	@$(FEATURES) check conformance/FEATURES.md $(RESULTS)
	@$(FEATURES) count $(RESULTS)

environments:
	@echo "== Python environments of the model servers"
	@$(GO) run ./conformance/environment

# Peers that are not here are left out, and it is said why: the environment of Envoy is prepared, nginx and HAProxy are the system's.
bench:
	@$(GO) run ./conformance/environment envoy
	$(GO) run ./conformance/bench -rounds $(ROUNDS) -work '$(WORK)'

# make microbench BENCH=Relay; with BASE=file an earlier run is compared.
microbench: $(BIN)/benchstat
	@mkdir -p .cache
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count 6 $(UNITS) | tee .cache/bench.txt
	@$(BIN)/benchstat $(BASE) .cache/bench.txt

# Every fuzz target for a while; make test runs their seeds.
fuzz:
	@for p in $(UNITS); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; \
	done

# The tests of the data path over and over, in random order, for SOAK.
soak:
	@end=$$(( $$(date +%s) + $$(echo $(SOAK) | sed 's/h/*3600/;s/m/*60/;s/s//') )); \
	while [ $$(date +%s) -lt $$end ]; do \
		$(GO) test -race -count 1 -shuffle on -timeout 15m ./proxy/... ./graph/... ./protocol/... ./xds/... || exit 1; \
	done

lint: check-format check-vet check-proto $(BIN)/staticcheck $(BIN)/govulncheck
	@echo "== staticcheck"
	@# Deprecated fields of Envoy's API are read on purpose: control planes send them.
	@$(BIN)/staticcheck -checks inherit,-SA1019 ./...
	@echo "== govulncheck"
	@$(BIN)/govulncheck ./...

proto: $(BIN)/buf $(BIN)/protoc-gen-go
	cd xds/api && $(BIN)/buf lint && PATH=$(BIN):$$PATH $(BIN)/buf generate

# Tools have a module of their own, so that what they need is nobody else's affair.
TOOL = @mkdir -p $(BIN); echo "== building $(@F)"; $(GO) build -modfile=.tools/go.mod -o $@
$(BIN)/buf: .tools/go.mod
	$(TOOL) github.com/bufbuild/buf/cmd/buf
$(BIN)/protoc-gen-go: .tools/go.mod
	$(TOOL) google.golang.org/protobuf/cmd/protoc-gen-go
$(BIN)/benchstat: .tools/go.mod
	$(TOOL) golang.org/x/perf/cmd/benchstat
$(BIN)/staticcheck: .tools/go.mod
	$(TOOL) honnef.co/go/tools/cmd/staticcheck
$(BIN)/govulncheck: .tools/go.mod
	$(TOOL) golang.org/x/vuln/cmd/govulncheck
tools: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/benchstat $(BIN)/staticcheck $(BIN)/govulncheck

clean:
	rm -rf .cache
