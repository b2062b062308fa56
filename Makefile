# Nothing but Python 3.11+, git and make is assumed; uv and all else go into .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
PYTHON_OF_OPENFHE ?= python3.10 $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python)
UV := .venv/bin/uv
RUN := .venv/bin/python -m

# Every service and device here is a process of its own, and each would compile all libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run serve test check check-code docs bench chromium screenshots

help: ## print this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

# Two steps, so that a first `make run` does not wait for what only developers need.
.venv/.product: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Softfall needs Python 3.11 or newer: set PYTHON=...")'
	@echo "Installing Softfall into .venv (once)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@test -x $(UV) || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV) sync --quiet --locked --inexact --all-extras --no-default-groups --python .venv/bin/python
	@touch $@

.venv/.ready: .venv/.product
	@$(UV) sync --quiet --locked --inexact --all-extras --group dev --python .venv/bin/python
	@touch $@

setup: .venv/.ready ## install everything into .venv

run: .venv/.product ## send real photographs past each option and write the report
	.venv/bin/softfall compare --html softfall-out/report.html --json softfall-out/report.json

serve: .venv/.product ## start every party, play a conversation, leave the services up (OPTION=homomorphic)
	.venv/bin/softfall demo --data softfall-data $(if $(OPTION),--option $(OPTION))

chromium:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    (apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium) >/dev/null 2>&1 \
	      || echo "chromium could not be installed: browser tests will be skipped"; \
	  else echo "chromium is missing and may not be installed here: browser tests will be skipped"; fi; }

# A file's tests stay together (they share what is dear to set up); the slowest rooms come first.
test: .venv/.ready chromium ## run every test, on all cores
	$(RUN) pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: check-code ## format, lint, types, import contracts, docs
	$(RUN) pytest tests/docs

check-code: .venv/.ready # all of them but docs, which are among the tests
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy --strict
	.venv/bin/lint-imports --no-cache

docs: .venv/.ready ## redraw the reference pages from the code
	.venv/bin/python docs/generate.py

screenshots: .venv/.ready chromium ## a picture of every page of the console, into softfall-out
	$(RUN) tests.console.screenshots

bench: .venv/.ready ## measure against named peers, interleaved
	@$(UV) sync --locked --inexact --all-extras --group dev --group bench --python .venv/bin/python
	@.venv/bin/python -c "import vpdq" 2>/dev/null || $(UV) pip install --quiet vpdq==0.2.5 --python .venv/bin/python >/dev/null 2>&1 \
	  || echo "vpdq can't be built here; the bench of videos says what that takes, and does without it"
	@test -x .venv/openfhe/bin/python || for each in $(PYTHON_OF_OPENFHE); do \
	  "$$each" -m venv .venv/openfhe && .venv/openfhe/bin/python -m pip install --quiet \
	    --only-binary :all: openfhe==1.6.1.0.22.4 && break || rm -rf .venv/openfhe; \
	done >/dev/null 2>&1
	@test -x .venv/openfhe/bin/python \
	  || echo "OpenFHE needs a CPython 3.10 of its own (PYTHON_OF_OPENFHE=...); the bench does without it, and says so"
	$(RUN) bench
