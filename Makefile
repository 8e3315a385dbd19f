# make setup   a virtual environment with everything pinned, and .venv/bin/signals
# make demo    the main job on a simulated sales team; SECONDS=40 HEADLESS=1 for a run that ends with a summary
# make test    the tests; ARGS="-k stage" to choose some, WORKERS=0 for one process instead of several
# make slow    the tests that take too long for every run; the same
# make chaos   trust under fire, on Apache Kafka: one table; ARGS=--quick for a short form, ARGS="kills" for one line
# make bench   the engine beside its peers and every figure it promises; ARGS=--quick, ARGS="--only race" for one part
# make fuzz    every parser driven by coverage (Linux, macOS); SECONDS=600 for each, ARGS="tables" for one
# make kafka   Apache Kafka on loopback until Ctrl-C; NODES=3 for three brokers
# make lint    style, types, one-way imports
# make lock    requirements.lock and requirements-bench.lock from pyproject.toml (needs uv)
# make clean   remove the virtual environments

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCH := .venv-bench
FUZZ := .venv-fuzz
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The first Python that is new enough; 3.11 goes first because the tests run on it.
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo test slow chaos bench fuzz kafka lint lock clean

help:
	@sed -n 's/^# //p' $(firstword $(MAKEFILE_LIST)) | sed '/^The first Python/,$$d'

setup: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "deal-signals needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment (on Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "installing the pinned dependencies into $(VENV)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	@$(BIN)/signals demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(filter-out 0,$(HEADLESS)),--headless)

# Most of the tests that take long wait for brokers. Those of one module stay in one process, which has its own brokers;
# in the order of the folders those that wait come first, so that no process is left alone with one in the end.
SPREAD = -n $(or $(WORKERS),$(1)) --dist loadscope --no-loadscope-reorder

test: setup
	@$(BIN)/python -m pytest -m "not chaos" $(call SPREAD,3) $(ARGS)

chaos: setup
	@$(BIN)/python -m tests.chaos $(ARGS)

slow: setup
	@$(BIN)/python -m pytest -m chaos $(call SPREAD,2) $(ARGS)

# The peers that the engine is measured beside have dependencies of their own.
$(BENCH)/.installed: requirements-bench.lock $(INSTALLED)
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@echo "installing the pinned dependencies of the benchmarks into $(BENCH)"
	@$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-bench.lock
	@$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@touch $@

bench: $(BENCH)/.installed
	@$(BENCH)/bin/python bench/run.py $(ARGS)

# The fuzzer is large and not for every platform, so it stands beside the other dependencies.
$(FUZZ)/.installed: requirements-fuzz.lock $(INSTALLED)
	@$(PIP) install --target $(FUZZ) --no-deps --require-hashes -r requirements-fuzz.lock
	@touch $@

fuzz: $(FUZZ)/.installed
	@PYTHONPATH=$(FUZZ) $(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

kafka: setup
	@$(BIN)/python -m tests.brokers.developer --nodes $(or $(NODES),1)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# The benchmarks run on the same versions, but for pydantic, of which Quix Streams wants an older one.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra embedded --extra dev pyproject.toml --output-file requirements.lock
	sed -n '/^[a-z0-9.-]*==/{/^pydantic/!s/ *\\$$//p}' requirements.lock | \
		uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra embedded --extra bench --constraints - pyproject.toml --output-file requirements-bench.lock

clean:
	rm -rf $(VENV) $(BENCH) $(FUZZ)
