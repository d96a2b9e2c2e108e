# routelmt: make demo, make test; everything lands in .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
NTREX := NTREX-128

.PHONY: demo test lint check format docs release-check bench bench-safety router clean

## Install, then translate examples/es-en.tsv under a budget with real models.
demo: $(VENV)/.installed
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/routelmt models check smollm2-135m
	$(BIN)/routelmt models check gemma3-270m
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

## The documentation, into build/site; nothing is fetched for it.
docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

## Build the wheel and the source distribution, install each elsewhere, and run the demo from it.
release-check: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python tests/release/release_check.py

## The figures of the README; DATA is a folder made by benchmarks/fetch_data.py.
bench: $(VENV)/.installed
	$(BIN)/python benchmarks/knapsack.py
	$(BIN)/python benchmarks/throughput.py --data $(DATA)
	$(BIN)/python benchmarks/gain.py $(DATA)/wmt23/*.tsv
	$(BIN)/python benchmarks/gain.py $(DATA)/wmt22/*.tsv --routers own
	$(BIN)/python benchmarks/guard.py $(DATA)/wmt22/*.tsv
	$(BIN)/python benchmarks/leak.py
	$(BIN)/python benchmarks/routing.py --data $(DATA) --from es --to en --rows 1501-1997 \
	  --budget 0.004
	$(BIN)/python benchmarks/tiers.py --data $(DATA) --from es --to en --train 1-800 \
	  --rows 1501-1997
	$(BIN)/python benchmarks/probes.py --data $(DATA) --from es --to en --train 1-800 \
	  --rows 1501-1997
	$(MAKE) build/de-en.router
	$(BIN)/python benchmarks/routing.py --data $(DATA) --from de --to en --rows 1501-1997 \
	  --budget 0.004 --router build/de-en.router

## Kill runs, and fill their disk, at random writes; every stage, stand-in and demo models.
bench-safety: $(VENV)/.installed
	$(BIN)/python benchmarks/safety.py --kills 200 --real-kills 20 --every-write

## The shipped router, from the same segments: rows 1 to 1500 of NTREX-128.
router: $(VENV)/.installed
	@mkdir -p build
	head -n 1501 $(DATA)/ntrex/es-en.tsv > build/es-en.tsv
	$(BIN)/routelmt calibrate build/es-en.tsv --from es --to en --deterministic \
	  -o models/es-en.router --overwrite --provenance "$(NTREX) Spanish-English, rows 1 to 1500 (github.com/MicrosoftTranslator/NTREX, CC BY-SA 4.0)"

build/de-en.router: $(VENV)/.installed
	@mkdir -p build
	head -n 601 $(DATA)/ntrex/de-en.tsv > build/de-en.tsv
	$(BIN)/routelmt calibrate build/de-en.tsv --from de --to en --deterministic -o $@ \
	  --provenance "$(NTREX) German-English, rows 1 to 600"

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing; llama-cpp-python is compiled on the first time, which takes minutes"
	$(BIN)/python -m pip install --quiet --editable '.[demo,dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) build dist
