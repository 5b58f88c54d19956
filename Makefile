# The two commands that matter are `make demo` and `make test`. Nothing is installed outside this folder.

CARGO ?= cargo
LOCKSTEP = $(CARGO) run --quiet --locked --release --bin lockstep --

.PHONY: help setup build demo test lint proof schema clean

help:
	@echo "make demo    a nested reconfiguration under live DMA, policy by policy, on the RTL"
	@echo "make test    every test, and every scenario on the RTL"
	@echo "make lint    formatting, clippy, Verilator's warnings about the RTL"
	@echo "make proof   every scenario on 200 seeds, and every mutant of the RTL"
	@echo "make schema  writes the JSON schemas of scenarios, waivers and results anew"
	@echo "make setup   the pinned Verilator, into target/venv (the others do this, too)"

setup:
	@ci/setup

build: setup
	$(CARGO) build --locked --release

demo: build
	$(LOCKSTEP) demo

test: setup
	@ci/test

lint: setup
	@ci/lint

proof: setup
	@ci/proof

schema:
	$(LOCKSTEP) schema > target/schema.json
	mv target/schema.json scenarios/schema.json
	for of in waivers results diff perf list; do \
		$(LOCKSTEP) schema $$of > target/schema.json && mv target/schema.json docs/$$of.schema.json || exit 1; \
	done

clean:
	$(CARGO) clean
