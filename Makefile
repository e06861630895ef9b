# Two commands: `make run` shows the dual-socket network on a real Open vSwitch, `make test` checks everything.
SHELL := /bin/bash
FILE ?= flows/networks/dual-socket.toml

.PHONY: run test deps fmt structure clippy doc build doctest fuzz-smoke bench-smoke unit

run:
	@.ci/deps
	cargo build --release --locked --bin portcullis
	$${CARGO_TARGET_DIR:-target}/release/portcullis lab up $(FILE)

# In turn: each step that compiles shares what the crates stand on with those before it, and uses all processors.
# The tests come last, so that their summary closes the run.
test:
	@.ci/steps deps fmt structure clippy doc build doctest fuzz-smoke bench-smoke unit

# What Debian has and the machine may lack.
deps:
	@.ci/deps test

fmt:
	cargo fmt --all --check

# Circles between modules, and dependencies that nothing uses.
structure:
	.ci/circles
	.ci/unused-dependencies

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

# With the examples, because whatever has dev-dependencies is checked with the features that clippy has checked.
doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked \
		--lib --examples --bin connections --bin hostile --bin storms

build:
	cargo nextest run --workspace --locked --no-run

# The examples in the documentation, which nextest does not run.
doctest:
	cargo test --workspace --doc --locked

fuzz-smoke:
	fuzz/smoke.sh

# Each benchmark once. Optimised is for measuring; so built, they share what the tests are built of.
bench-smoke:
	cargo bench --workspace --locked --profile dev -- --test

# Unit, property and end-to-end tests.
unit:
	cargo nextest run --workspace --locked
