# `make demo`, `make test` and `make docs`. Each creates .venv if it does not exist.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test setup setup-test lint types layers unit docs format clean

demo: $(VENV)/.installed
	@$(BIN)/python examples/digits_in_two_arithmetics.py

test: setup-test lint types layers unit docs

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-test
	$(BIN)/mypy

layers: setup-test
	$(BIN)/lint-imports
	PYTHON=$(BIN)/python tools/count_import_cycles

unit: setup-test
	$(BIN)/pytest --numprocesses auto --dist worksteal

# The site, in build/docs; index.html opens from disk. Nothing is read from the network.
docs: setup-test
	$(BIN)/sphinx-build -q -W --keep-going -b html -d build/doctrees -c docs/site docs build/docs

format: setup-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(VENV)/.installed

setup-test: $(VENV)/.installed-test

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "numlean needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[fast]'
	@touch $@

# Some tests compare with softfloat, or need dask or numba-cuda. If one cannot be installed, its tests
# are skipped, and a warning is printed here.
$(VENV)/.installed-test: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[fast,test,docs]'
	@tools/install_softfloat $(BIN)/python \
		|| echo "*** WARNING: softfloat could not be built; its tests will be skipped ***" >&2
	@$(BIN)/python -m pip install --quiet --editable '.[dask]' \
		|| echo "*** WARNING: dask could not be installed; its tests will be skipped ***" >&2
	@$(BIN)/python -m pip install --quiet axe-core-python \
		|| echo "*** WARNING: axe-core-python could not be installed; pages are not checked by it ***" >&2
	@$(BIN)/python -m pip install --quiet --editable '.[cuda]' \
		|| echo "*** WARNING: numba-cuda could not be installed; its tests will be skipped ***" >&2
	@touch $@

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
