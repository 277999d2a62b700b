# Every check of the project. `make help` lists the targets; .ci/run calls the same ones.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What the Go fuzzer gets for each fuzz test. It may try ten times to make a find smaller: by
# default it tries for a minute, which was all that it did on files of some kilobytes.
FUZZTIME ?= 30s
# The benchmarks that `make bench` runs, and how often: 10 runs are what benchstat wants.
BENCH      ?= .
BENCHCOUNT ?= 1

# Packages whose code runs on several goroutines, and those whose code depends on the processor.
CONCURRENT := ./internal/parallel ./internal/kernels ./nn ./optim ./dataset ./embedding ./train
ARITHMETIC := ./internal/kernels

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the stripped binary, bin/hourglass
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/ ./cmd/hourglass

.PHONY: demo
demo: ## train on the embedded digits and write hourglass-demo/
	$(GO) run ./cmd/hourglass demo

.PHONY: test
test: ## all tests, with the best kernels that this processor has
	$(GO) test ./...

.PHONY: test-generic
test-generic: ## all tests, with the kernels in plain Go
	$(GO) test -tags noasm ./...

# The cache of test results does not know of GODEBUG.
.PHONY: test-avx2
test-avx2: ## all tests, with the AVX2 kernels
	GODEBUG=cpu.avx512f=off $(GO) test -count=1 ./...

.PHONY: test-arm64
test-arm64: ## the kernels as arm64 code, under qemu-user-static
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -short -timeout 40m -exec qemu-aarch64-static $(ARITHMETIC)

.PHONY: race
race: ## the concurrent packages under the race detector (needs cgo)
	$(GO) test -race -short -timeout 30m $(CONCURRENT)

.PHONY: slow
slow: ## the tests that train on full data sets for hours; HOURGLASS_DATA names the folder of data
	HOURGLASS_SLOW=1 $(GO) test -count=1 -timeout 12h -v -run Slow ./...

# go test takes one fuzz test at a time.
.PHONY: fuzz
fuzz: ## every fuzz test, each for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
		for name in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
		done; \
	done

.PHONY: cover
cover: ## statement coverage in total; coverage.out is for `go tool cover -html`
	$(GO) test -coverpkg=./... -coverprofile=coverage.out ./...
	@$(GO) tool cover -func=coverage.out | tail -1

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@files=$$(git ls-files '*.go' | xargs gofmt -l); \
		if [ -n "$$files" ]; then echo "not formatted with gofmt:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags noasm ./...
	$(GO) run $(STATICCHECK) ./...

.PHONY: generate
generate: ## write the generated assembly anew
	$(GO) generate $(ARITHMETIC)

.PHONY: generate-check
generate-check: generate ## fail where the committed assembly is not what the generator writes
	git diff --exit-code -- '*_amd64.s' '*_amd64.go'
	$(GO) vet -C internal/kernels/_gen .

.PHONY: cross
cross: ## build for the other systems and processors; nn and modelfile for the browser too
	@set -e; for target in linux/arm64 darwin/arm64 windows/amd64; do \
		echo "$$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build ./...; \
	done
	@echo js/wasm; GOOS=js GOARCH=wasm $(GO) build ./nn ./modelfile

.PHONY: bench
bench: ## Go benchmarks (for benchstat) and the cases of `hourglass bench`
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) ./...
	$(GO) run ./cmd/hourglass bench

.PHONY: bench-peers
bench-peers: build ## turn and turn about with PyTorch, Keras and others: ARGS='unet/infer/256'; see bench/peers/run
	HOURGLASS=$(CURDIR)/bin/hourglass bench/peers/run $(ARGS)

.PHONY: check
check: lint test test-generic test-avx2 race generate-check cross ## what a pull request has to pass
