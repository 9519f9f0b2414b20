# make demo: install, run the embedded study, say where the report is.    make test: the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the venv is made and filled once, and again when pyproject.toml changes
STAMP := $(VENV)/.installed-dev
DEMO := $(VENV)/.installed-demo
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: demo test lint types bench clean

demo: $(DEMO)
	$(BIN)/benchbench run

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy benchbench tests

bench: $(STAMP)
	$(BIN)/python -m pytest -q tests/benchmarks --override-ini addopts=

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "benchbench needs Python 3.11 or newer; say make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(STAMP): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(DEMO)
