# Everything a developer does. `make demo` and `make test` need python3 (3.11 or newer) and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := python -m pip install --quiet --disable-pip-version-check
PIP := $(BIN)/$(INSTALL) --constraint constraints.txt
# What knows langchain, llama-index, pydantic or httpx; the other tests know none of their versions.
MEETING := tests/langchain tests/llama_index tests/wire tests/client tests/memory
# What LlamaIndex 0.13 says of its own age.
AGED := -W ignore::pydantic.warnings.UnsupportedFieldAttributeWarning -W 'ignore:ServiceManager is deprecated:DeprecationWarning'

.PHONY: help demo test format lint types imports unit coverage explore floors crossed newest versions exits test-official-client test-copy test-self-hosted bench clean
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 22

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "memos-integrations needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[all]'
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo  ## two agents of two frameworks remember one user, offline
	@$(BIN)/memos-integrations demo

test: lint types imports coverage  ## all that CI checks

format: $(VENV)/.dev  ## put the code into the house's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.dev  ## form and habits
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev  ## mypy --strict and pyright
	$(BIN)/mypy
	$(BIN)/pyright

imports: $(VENV)/.dev  ## who may import whom
	$(BIN)/lint-imports

unit: $(VENV)/.dev  ## the tests alone
	$(BIN)/python -m pytest -q

coverage: $(VENV)/.dev  ## the tests, with branch coverage of at least 95 %
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --cov --cov-report=term

explore: $(VENV)/.dev  ## the properties, on examples that nobody has tried
	HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -q -n 2 $$(grep -rl "from hypothesis import" tests --include 'test_*.py')

floors:  ## the tests that meet the frameworks, on the oldest versions that pyproject.toml allows
	rm -rf .venv-floors && $(PYTHON) -m venv .venv-floors
	.venv-floors/bin/$(INSTALL) --constraint constraints-floors.txt --editable '.[test]'
	.venv-floors/bin/python -m pytest -q $(AGED) $(MEETING)

crossed:  ## the newest LlamaIndex on the oldest pydantic, then the oldest LlamaIndex on the newest pydantic
	rm -rf .venv-crossed && $(PYTHON) -m venv .venv-crossed
	.venv-crossed/bin/$(INSTALL) --constraint constraints.txt --editable '.[test]'
	.venv-crossed/bin/$(INSTALL) --no-deps $$(grep ^pydantic constraints-floors.txt)
	.venv-crossed/bin/python -m pytest -q tests/llama_index tests/wire tests/client tests/memory
	.venv-crossed/bin/$(INSTALL) --no-deps $$(grep ^pydantic constraints.txt) $$(grep ^llama-index constraints-floors.txt)
	.venv-crossed/bin/python -m pytest -q $(AGED) tests/llama_index tests/wire tests/client tests/memory

newest:  ## the same as `floors` on the newest versions
	rm -rf .venv-newest && $(PYTHON) -m venv .venv-newest
	.venv-newest/bin/$(INSTALL) --constraint constraints.txt --editable '.[test]'
	.venv-newest/bin/$(INSTALL) --no-deps --requirement constraints-newest.txt
	.venv-newest/bin/python -m pytest -q $(MEETING)

versions: floors crossed newest  ## LlamaIndex 0.13 and 0.14, each with pydantic 2.12 and 2.14; LangChain's oldest and newest

exits:  ## that what waits is delivered when Python ends, on 3.11, 3.12 and 3.13 (of pyenv, too)
	@for version in 3.11 3.12 3.13; do \
		found=; \
		for python in python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version".*/bin/python; do \
			"$$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != sys.argv[1])' $$version 2>/dev/null || continue; \
			found=$$python; break; \
		done; \
		test -n "$$found" || { echo "there is no Python $$version here"; missing="$$missing $$version"; continue; }; \
		echo "Python $$version: $$found"; \
		rm -rf .venv-exits && "$$found" -m venv .venv-exits && \
		.venv-exits/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
			--editable . hypothesis pytest pytest-asyncio && \
		.venv-exits/bin/python -m pytest -q tests/outbox/test_exits.py || failed="$$failed $$version"; \
	done; \
	test -z "$$missing$$failed" || { echo "missing:$${missing:- none}; failed:$${failed:- none}"; exit 1; }

.venv-official/.client: tests/official/requirements.txt
	rm -rf .venv-official && $(PYTHON) -m venv .venv-official
	.venv-official/bin/$(INSTALL) --no-deps --requirement $<
	touch $@

test-official-client: $(VENV)/.dev .venv-official/.client  ## each method of MemOS's own client, against our server
	$(BIN)/python -m tests.official .venv-official/bin/python

test-copy: $(VENV)/.dev  ## 10,000 turns copied by a process that is killed three times, six times over
	MEMOS_COPIED_TURNS=10000 $(BIN)/python -m pytest -q tests/cli/test_copy_kills.py

.venv-self-hosted/.server: tests/self_hosted/requirements.txt
	rm -rf .venv-self-hosted && $(PYTHON) -m venv .venv-self-hosted
	.venv-self-hosted/bin/$(INSTALL) --requirement $<
	touch $@

test-self-hosted: $(VENV)/.dev .venv-self-hosted/.server  ## our dialect against MemOS's own server; RECORD=1 records what it says
	MEMOS_SELF_HOSTED_PYTHON=.venv-self-hosted/bin/python MEMOS_SELF_HOSTED_RECORD=$(RECORD) \
		$(BIN)/python -m pytest -q tests/self_hosted tests/addresses

bench: $(VENV)/.dev  ## what a turn, a call over HTTP, an import and a full file cost (PEERS=… beside others)
	$(BIN)/python benchmarks/turn.py
	$(BIN)/python benchmarks/addresses.py
	$(BIN)/python benchmarks/agents.py $(if $(PEERS),--peers $(PEERS))
	$(BIN)/python benchmarks/llama_agents.py $(if $(PEERS),--peers $(PEERS))
	$(BIN)/python benchmarks/transport.py
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/engine.py --sizes 1k,one-10k $(if $(PEERS),--peers $(PEERS))

clean:  ## take away what make made
	rm -rf $(VENV) .venv-floors .venv-crossed .venv-newest .venv-exits .venv-official .venv-self-hosted .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist build
