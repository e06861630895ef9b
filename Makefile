# Two commands: `make run` shows the dual-socket network on a real Open vSwitch, `make test` checks everything.
SHELL := /bin/bash
FILE ?= flows/networks/dual-socket.toml

.PHONY: run test deps fmt lint-and-bench-smoke clippy doc unit fuzz-smoke bench-smoke

run:
	@.ci/deps
	cargo build --release --locked --bin portcullis
	$${CARGO_TARGET_DIR:-target}/release/portcullis lab up $(FILE)

# Fuzz targets are built in a folder of their own, so that they need not wait for the others.
test: deps fmt
	$(MAKE) --no-print-directory --jobs 2 --output-sync lint-and-bench-smoke fuzz-smoke
	$(MAKE) --no-print-directory unit

# One after the other: they share a folder.
lint-and-bench-smoke:
	$(MAKE) --no-print-directory --jobs 1 clippy doc bench-smoke

# What Debian has and the machine may lack.
deps:
	@.ci/deps test

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Unit, property and end-to-end tests, which builds the binaries, too; last, so that its summary closes the run.
unit:
	cargo nextest run --workspace --locked

fuzz-smoke:
	fuzz/smoke.sh

# Each benchmark once. Optimised is for measuring; so built, they share what the tests are built of.
bench-smoke:
	cargo bench --workspace --locked --profile dev -- --test
