# Every target sets up what it needs. Nothing but Python 3.11+ and make has to be there.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A lock of exact versions, used as constraints: each target installs only the parts it needs.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock
WORKERS ?= 2
# make test TESTS=spotify_assets_tests/warehouse runs a part
TESTS ?=
.PHONY: help install demo up test test-shared test-slow test-browser test-faults test-year test-containers test-wheel lint types bench screenshots settings docs docs-serve docs-lock lock clean

help: ## Show what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older. Use: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) --editable .
	$(BIN)/spotify-assets prepare
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-test
	$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-test
	$(PIP) --editable '.[bench]'
	@touch $@

install: $(VENV)/.installed ## Set up .venv with the command .venv/bin/spotify-assets

demo: install ## Observe 120 simulated artists over 90 days, print who is rising
	$(BIN)/spotify-assets demo

up: install ## Start web UI, daemon and documentation on loopback
	$(BIN)/spotify-assets up

test: $(VENV)/.installed-test ## Run the fast tests (on an embedded PostgreSQL, or on TEST_DATABASE_URL)
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not browser and not containers and not faults and not shared and not slow and not wheel and not year' $(TESTS)

test-shared: $(VENV)/.installed-test ## Run the tests that compare with real data in ../shared (slow ones: make test-slow)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m 'shared and not slow' $(TESTS)

test-slow: $(VENV)/.installed-test ## Run the tests that build long histories or import real archives
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --timeout 1200 -m slow $(TESTS)

test-faults: $(VENV)/.installed-test ## Run the tests that inject faults
	$(BIN)/python -m pytest -m 'faults' $(TESTS)

test-year: $(VENV)/.installed-test ## Play a year of daily runs with faults (YEAR_DAYS=365), about 50 minutes
	$(BIN)/python -m pytest -n 0 --show-capture no -m 'year'

test-browser: $(VENV)/.installed-test ## Run the tests that drive the pages in headless Chromium
	$(BIN)/python -m pytest -m 'browser' $(TESTS)

test-containers: $(VENV)/.installed-test ## Bring docker-compose.yml up and kill its services (docker or podman)
	$(BIN)/python -m pytest -m 'containers' -x -s -rs $(TESTS)

test-wheel: $(VENV)/.installed-test ## Build the package, install it in an empty folder, and run every command there
	$(BIN)/python -m pytest -n 0 -m 'wheel' $(TESTS)

screenshots: $(VENV)/.installed-test ## Take the pictures of the docs anew (docs/images) with headless Chromium
	$(BIN)/python -m spotify_assets_tests.browser.screenshots

lint: $(VENV)/.installed-dev ## Check style, imports between rooms, and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --config dbt_project/.sqlfluff dbt_project/models

types: $(VENV)/.installed-dev ## Check types
	$(BIN)/mypy

bench: $(VENV)/.installed-bench ## Measure; ratios to peers and limits in the same run
	$(BIN)/python -m spotify_assets_tests.benchmarks

settings: $(VENV)/.installed ## Write docs/settings.md and .env.example from the settings
	$(BIN)/python -m spotify_assets.settings_reference

# The site has an environment of its own: Zensical needs a newer pathspec than dbt and sqlfluff take.
.venv-docs/.installed: docs/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older. Use: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --requirement docs/requirements.lock
	@touch $@

docs: .venv-docs/.installed ## Build the documentation site into site/; warnings and broken links are errors
	.venv-docs/bin/zensical build --clean --strict

docs-serve: .venv-docs/.installed ## Preview the documentation site on http://127.0.0.1:8000
	.venv-docs/bin/zensical serve

docs-lock: .venv-docs/.installed ## Renew docs/requirements.lock
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-docs/bin/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header --output-file docs/requirements.lock docs/requirements.in

lock: $(BIN)/python ## Renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
		--no-header --all-extras --output-file requirements.lock pyproject.toml

clean: ## Remove what was built (not .spotify-assets, where your data lives)
	rm -rf $(VENV) .venv-docs site build dist *.egg-info dbt_project/target .pytest_cache .mypy_cache .ruff_cache
