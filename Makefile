# make demo: install, find two leaks in a demo app, show the verdict and the report.
# make test: lint, types, and all tests, with a real Docker engine.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: demo test image lint clean

demo: $(VENV)/installed
	@tests/machine.sh demo

test: $(VENV)/installed-dev
	@tests/machine.sh test

image:
	compose/resident/make-image.sh

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/bin/python:
	@tests/machine.sh venv $(PYTHON) $(VENV)

$(VENV)/installed: .ci/requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) --require-hashes -r $<
	$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/installed-dev: .ci/requirements-dev.lock $(VENV)/installed
	$(PIP) --require-hashes -r $<
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
