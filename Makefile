# `make` alone lists what there is.

CARGO ?= cargo
DOCKER ?= docker
export DOCKER
# Where `make test-image` and `make test-cluster` keep images and build caches of the Docker daemons that they start.
DOCKER_FOLDER ?= /tmp/tilecast-docker
# `make demo SECONDS=20` ends by itself and judges its own program.
SECONDS ?=
# More words for the bench, such as `make bench BENCH="--participants 4 --seconds 10"`.
BENCH ?=

.PHONY: help setup check-setup build check demo layout-pictures fuzz test fmt-check lint doc unit image test-image test-cluster bench fmt audit clean

help:
	@echo 'make setup            install the Debian packages that are missing (needs root or sudo without a password)'
	@echo 'make build            the release binary, target/release/tilecast'
	@echo 'make demo             four synthetic people in a meeting, to watch; SECONDS=20 ends by itself and checks the program'
	@echo 'make check            the inner loop: formatting, lints, unit tests of the packages that changed'
	@echo 'make test             everything: formatting, lints, documentation, unit tests, end-to-end tests with real streams'
	@echo 'make image            the container image tilecast, by Docker'
	@echo 'make test-image       builds the image and runs it hardened, with streams; as root where there is no Docker daemon or no registry'
	@echo 'make test-cluster     takes that image to a Swarm of three Docker daemons and breaks things; as root'
	@echo 'make bench            Tilecast beside ffmpeg and gst-launch on the same streams; writes docs/bench.md'
	@echo 'make layout-pictures  the pictures of docs/layouts.md'
	@echo 'make fmt lint doc     format the code; clippy with warnings as errors; the same for rustdoc'
	@echo 'make audit            licences, sources and known faults of every dependency (cargo-deny)'
	@echo 'make fuzz SECONDS=60  every reader of what strangers send, fed by libFuzzer; needs g++ and ten minutes to build the first time'
	@echo 'make clean            remove what was built'

setup:
	@./scripts/setup

check-setup:
	@./scripts/setup --check

build:
	@./scripts/setup --check-build
	$(CARGO) build --locked --release
	@./scripts/split-symbols target/release/tilecast target/release/tilecast-lab

# The inner loop.
check: fmt-check
	$(CARGO) clippy --locked --workspace -- -D warnings
	@packages=$$(./scripts/changed); [ -z "$$packages" ] || (set -x; $(CARGO) test --locked --lib $$packages)

demo: build
	target/release/tilecast-lab demo $(if $(SECONDS),--seconds $(SECONDS))

# In this order, so that what is quickest to fail fails first.
test: check-setup
	@$(MAKE) --no-print-directory fmt-check
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory doc
	@$(MAKE) --no-print-directory unit

fmt-check:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

# Built first, so that all cores are busy; then the tests that look at no clock, as many at once as there are cores; then those with
# live media, one at a time: a second one beside it would make a small machine miss frames that the first counts.
unit:
	$(CARGO) test --locked --no-run
	$(CARGO) test --locked --no-fail-fast --lib --test quick
	$(CARGO) test --locked --no-fail-fast --bins --test live --test rtmp_memory -- --test-threads=1
	$(CARGO) test --locked --doc

image:
	$(DOCKER) build -t tilecast .

# With the daemon that is there, else with one of its own; with the bases that are there or can be pulled, else with stand-ins.
test-image:
	@if $(DOCKER) info >/dev/null 2>&1; then tests/image/all; else tests/image/dockerd "$(DOCKER_FOLDER)" tests/image/all; fi

test-cluster:
	@tests/cluster/all "$(DOCKER_FOLDER)"

# Pictures of docs/layouts.md.
layout-pictures: build
	scripts/layout-pictures

bench: build
	target/release/tilecast-lab bench --out docs/bench.md $(BENCH)

fmt:
	$(CARGO) fmt --all

fuzz:
	@CARGO=$(CARGO) scripts/fuzz $(if $(SECONDS),$(SECONDS),60)

audit:
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo 'cargo-deny is not here: cargo install --locked cargo-deny'; exit 1; }
	$(CARGO) deny --locked check

clean:
	$(CARGO) clean
