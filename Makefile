# make setup   a virtual environment with everything pinned, and .venv/bin/signals
# make demo    the main job on a simulated sales team; SECONDS=40 HEADLESS=1 for a run that ends with a summary
# make test    the tests; ARGS="-k stage" to choose some
# make chaos   trust under fire, on Apache Kafka: one table; ARGS=--quick for five minutes, ARGS="kills" for one line
# make lint    style, types, one-way imports
# make lock    requirements.lock from pyproject.toml (needs uv)
# make clean   remove the virtual environment

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The first Python that is new enough; 3.11 goes first because the tests run on it.
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos lint lock clean

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

test: setup
	@$(BIN)/python -m pytest -m "not chaos" $(ARGS)

chaos: setup
	@$(BIN)/python -m tests.chaos $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--all-extras pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV)
