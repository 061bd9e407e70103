# heimdex: `make run` to try it, `make test` to prove it, `make help` for the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8765
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "heimdex needs Python 3.11 or newer: set PYTHON=/path/to/python3.11")'
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv && touch $@

.venv/.runtime: .venv/.made requirements/runtime.lock pyproject.toml
	@echo "Installing the locked packages (a minute, once)"
	@$(PIP) install --no-deps --require-hashes -r requirements/runtime.lock
	@$(PIP) install --no-deps --no-build-isolation -e . && touch $@

.venv/.dev: .venv/.runtime requirements/dev.lock
	@echo "Installing the locked packages for development"
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.lock && touch $@

setup: .venv/.runtime ## Make .venv from the lock file

run: setup ## Build the demo library, serve it on 127.0.0.1:8765 and show three searches
	@PORT=$(PORT) $(BIN)/heimdex demo --serve

test: .venv/.dev ## Run all tests
	@$(BIN)/python -m pytest

check: .venv/.dev ## The gate: format, lint, types, layers, generated pages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.reference --check

bench: .venv/.dev ## Measure ingest and search side by side with their limits
	@$(BIN)/python -m benchmarks

docs: .venv/.dev ## Write the reference pages from the code
	@$(BIN)/python -m docs.reference

pocket: .venv/.dev ## Train the pocket model again (one to two hours on two cores)
	@$(PIP) install -r requirements/train.lock
	@$(BIN)/python -m training.pocket

lock: .venv/.dev ## Pin the packages again
	@$(BIN)/python -m pip -q install uv
	@$(BIN)/uv pip compile -q pyproject.toml --group build --universal --generate-hashes --no-header --python-version 3.11 -o requirements/runtime.lock
	@$(BIN)/uv pip compile -q pyproject.toml --group build --group dev -c requirements/runtime.lock --universal --generate-hashes --no-header --python-version 3.11 -o requirements/dev.lock

clean: ## Remove what was built here (not the library)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

.PHONY: help setup run test check bench docs pocket lock clean
