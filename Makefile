# Everything that is done more than once. Targets say what they do in `make help`.

# Where rustup puts cargo, for shells that have not read its profile.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help setup build install demo test test-all bench clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

setup: ## install what is missing: PostgreSQL, OpenSSL headers, a C compiler (Debian, as root)
	@sh tests/setup.sh

build: setup ## the release binary, target/release/pgpassage
	cargo build --release

install: setup ## put pgpassage into cargo's bin folder
	cargo install --path . --locked

demo: build ## a migration between two throw-away servers on this machine
	target/release/pgpassage demo

test: setup ## format, lints, all tests that take seconds
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	@if cargo nextest --version >/dev/null 2>&1; then \
	    echo cargo nextest run; cargo nextest run; \
	else \
	    echo cargo test; cargo test; \
	fi

test-all: export PGPASSAGE_TEST_ALL = 1
test-all: test ## the same with the tests that take minutes

bench: setup ## how long a migration takes, side by side with other tools (an hour)
	cargo bench
	cargo bench --bench migration -- follow many wide mixed

clean: ## remove what was built
	cargo clean
