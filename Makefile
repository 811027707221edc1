# Every target makes what it needs; a fresh machine needs Python 3.11 or newer and make, nothing else.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3 python,$(if $(shell $(name) --version 2>&1 | grep -E '^Python 3\.(1[1-9]|[2-9][0-9])'),$(name))))
VENV ?= .venv
BIN := $(VENV)/bin
# More than one thread in each of two workers makes small nets slower, not faster.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MPLBACKEND := Agg

.PHONY: help demo test lint format types layers docs check clean

help:  ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

# The stamp is renewed when the pins change, so that a new dependency is installed by itself.
$(VENV)/.installed: pyproject.toml constraints-cpu.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; make PYTHON=/path/to/python names one" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints-cpu.txt -e ".[dev]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints-cpu.txt -e ".[docs]"
	@touch $@

demo: $(VENV)/.installed  ## train the embedded example and write its report
	OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE $(BIN)/polymodal demo

test: $(VENV)/.installed  ## the whole test suite
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed  ## mend the style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

types: $(VENV)/.installed  ## type hints
	$(BIN)/mypy

layers: $(VENV)/.installed  ## who may import whom
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.installed-docs  ## the documentation, into site/
	$(BIN)/zensical build --clean --strict

check: lint types layers docs test  ## all of it

clean:  ## forget what was made, but not the environment
	rm -rf build dist site .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
