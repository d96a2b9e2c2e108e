# routelmt: make demo, make test; everything lands in .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo test lint check format bench clean

## Install, then translate examples/es-en.tsv under a budget with real models.
demo: $(VENV)/.installed
	@mkdir -p $(DEMO)
	$(BIN)/python benchmarks/routing.py examples/es-en.tsv --from es --to en \
	  --budget 0.0015 --work $(DEMO)

## Install what the tests need and run them all.
test: $(VENV)/.installed
	$(BIN)/python -m pytest

## Format, lint and types.
lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

## All that must hold before a commit.
check: lint test

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## The figures of the README; DATA is a folder made by benchmarks/fetch_data.py.
bench: $(VENV)/.installed
	$(BIN)/python benchmarks/knapsack.py
	$(BIN)/python benchmarks/throughput.py --data $(DATA)
	$(BIN)/python benchmarks/routing.py --data $(DATA) --from es --to en --rows 1501-1997 \
	  --budget 0.004

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing; llama-cpp-python is compiled on the first time, which takes minutes"
	$(BIN)/python -m pip install --quiet --editable '.[demo,dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) build dist
