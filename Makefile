# The two commands of the README are `make run` and `make test`; everything else is for people who work on windtunnel.
# PYTHON chooses the interpreter that the environment is made with, VENV where it stands.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SEEDS ?= 10000

.PHONY: help run studio test bench check campaign docs clean

help: ## what there is
	@grep -hE '^[a-z]+:.*## ' Makefile | awk -F':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

$(VENV)/installed: pyproject.toml setup.py $(wildcard src/windtunnel/*/*.pyx src/windtunnel/*/*/*.pyx)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "windtunnel needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make run PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing windtunnel (a C compiler is used if there is one)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "installing what the tests need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(VENV)/installed-studio: $(VENV)/installed
	@echo "installing what the studio and certificates need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[studio,badges]'
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed-dev
	@echo "installing the peers that the benchmarks measure against"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench,fast]'
	@touch $@

run: $(VENV)/installed ## set up, then run raft under partitions and crashes
	@$(BIN)/windtunnel run raft --faults partition,crash

studio: $(VENV)/installed-studio ## set up, then open the school and the tunnel in a browser
	@$(BIN)/windtunnel studio

test: $(VENV)/installed-dev ## set up, then run the test suite
	@$(BIN)/python -m pytest -n auto -q

bench: $(VENV)/installed-bench ## every figure of the docs, beside its peer; writes benchmarks/results.json
	@$(BIN)/python benchmarks/run.py

check: $(VENV)/installed-dev ## format, lint and types
	@$(BIN)/ruff format --check src tests benchmarks docs examples setup.py
	@$(BIN)/ruff check src tests benchmarks docs examples setup.py
	@$(BIN)/mypy

campaign: $(VENV)/installed-dev ## the tests that take minutes; then raft under everything: SEEDS=10000 seeds of 60 s each
	@$(BIN)/python -m pytest -n auto -q -m campaign
	@$(BIN)/windtunnel sweep raft --seeds $(SEEDS) --faults hostile --for 60

clean: ## remove what was built, keep the store
	@rm -rf $(VENV) build src/*.egg-info
	@find src -name '*.so' -delete -o -name '*.c' -delete
