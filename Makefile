# What people type. `make` alone lists it.

PYTHON ?= python3
# pytest's own arguments, for example: make test TESTS="tests/unit -k phone"
TESTS ?=
WORKERS ?= 2
UPGRADE ?=

VENV := .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help install run test coverage lint load bench lock messages clean install-dev browser
# Steps depend on one another's environment; each uses the cores itself.
.NOTPARALLEL:

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## .venv with the pinned dependencies, nothing started
	@$(call with_python,requirements.txt)

run: install ## start the app with demo data and print where it is
	@exec $(BIN)/python main.py

test: lint browser ## lint, type-check and test everything
	@$(PYTEST) $(TESTS)

coverage: lint browser ## the same, and fail below 85 % coverage
	@$(PYTEST) --cov --cov-report=term --cov-fail-under=85 $(TESTS)

lint: install-dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/python -m mypy

load: install-dev ## the load test, on this machine only, with its table
	@$(BIN)/python -m tests.load

bench: install-dev ## the benchmarks, with their table
	@$(BIN)/python -m tests.bench

lock: install-dev ## write the pinned requirements; newer versions with UPGRADE=--upgrade
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install -qq uv
	@PATH="$(CURDIR)/$(BIN):$$PATH"; export PATH; set -e; \
	compile="uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header $(UPGRADE) pyproject.toml"; \
	$$compile --output-file requirements.txt; \
	$$compile --group dev --constraints requirements.txt --output-file requirements-dev.txt

messages: install-dev ## collect the texts on screen for translation
	@$(BIN)/python -m ui.catalogue

clean: ## remove what the commands above made, but no data (.data)
	@rm -rf $(VENV) $(VENV).lock .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	@find . -name __pycache__ -type d -not -path './.data/*' -prune -exec rm -rf {} +

install-dev:
	@$(call with_python,requirements-dev.txt)

# The browser tests drive Debian's chromium; without one they would fail one by one.
browser:
	@command -v chromium >/dev/null 2>&1 && exit 0; \
	if ! command -v apt-get >/dev/null 2>&1; then \
	  echo "The tests need a browser: put Chromium on the PATH under the name chromium." >&2; exit 1; \
	fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null 2>&1; then sudo=sudo; else \
	  echo "The tests need a browser. As root: apt-get install chromium" >&2; exit 1; \
	fi; \
	echo "Installing chromium"; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	  chromium fonts-dejavu-core >/dev/null && \
	command -v chromium >/dev/null 2>&1 || \
	  { echo "apt-get could not install chromium; put it on the PATH yourself." >&2; exit 1; }

# $(call with_python,FILE): install FILE with the first Python that is recent enough.
define with_python
for python in "$(PYTHON)" python3.13 python3.12 python3.11 python3.14; do \
  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
    exec "$$python" .ci/install.py $(VENV) $(1); \
  fi; \
done; \
echo "Python 3.11 or later is needed; '$(PYTHON)' is missing or older. Name one: make PYTHON=/path/to/python3" >&2; \
exit 1
endef
