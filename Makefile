SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

DEV := deploy/dev/dev
TOOLS := $(or $(TRESPASS_DEV_DIR),$(CURDIR)/.dev)/bin
FOLDERS := cmd deploy detect ingest sink
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
E2E := go test -count=1 -timeout 20m -tags e2e ./cmd/trespass/e2e/...

# The embedded engine looks into .dev by itself; another folder has to be named.
ifdef TRESPASS_DEV_DIR
export TRESPASS_LIBCHDB ?= $(TRESPASS_DEV_DIR)/clickhouse/libchdb.so
endif

.PHONY: help
help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build clickhouse ## act out a small marketplace with ten kinds of leak, on this machine alone
	bin/trespass demo

.PHONY: test
test: parts ## all tests: race detector, ten seconds of each fuzz target, end to end on real parts
	go test -race ./...
	deploy/dev/fuzz.sh
	$(E2E)

.PHONY: check
check: ## format, vet, staticcheck, and which package may import which
	@wrong=$$(gofmt -l $(FOLDERS)); if [[ -n $$wrong ]]; then printf 'not formatted by gofmt:\n%s\n' "$$wrong"; exit 1; fi
	go vet ./...
	go vet -tags e2e ./...
	$(DEV) install tools
	$(TOOLS)/staticcheck -tags e2e ./...
	for script in $(DEV) deploy/*.sh deploy/dev/*.sh .ci/run; do bash -n "$$script"; done
	go test -count=1 -run Arrows ./detect

.PHONY: bench
bench: parts ## all benchmarks; compare two runs with .dev/bin/benchstat
	go test -p 1 -run '^$$' -bench . -benchmem -benchtime 500ms -timeout 20m ./...

.PHONY: e2e
e2e: parts ## real Postgres, Kafka, ClickHouse engine, Prometheus and Alertmanager around the program
	$(E2E)

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	deploy/dev/fuzz.sh

.PHONY: build
build: ## bin/trespass, one static file, and bin/trespass-clickhouse, the embedded engine
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/trespass ./cmd/trespass-clickhouse

.PHONY: clickhouse
clickhouse: ## fetch the library of the embedded ClickHouse engine
	$(DEV) install clickhouse

.PHONY: secrets
secrets: ## the secret files of docker-compose.yml, if they are not there yet
	deploy/secrets.sh

.PHONY: parts
parts: ## fetch what the tests need: the engine library, Kafka, Postgres, Prometheus, Alertmanager
	$(DEV) install
