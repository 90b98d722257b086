# make demo: set up, fill two corners that were left out of the example library, compare with the simulated truth.
# make test: set up, run all tests.
# make coverage: the same, and which lines they run.
# make docs: the documentation as a site, in site/; a warning is an error.
# make mlflow: packages that the test of examples/mlflow_plugin needs, in a folder of their own.
# make hosts: an environment of their own for the flows that tests/test_host_*.py run; those tests are skipped, by name, without it.

.PHONY: demo test coverage lint docs hosts mlflow clean
.DEFAULT_GOAL := demo

ENV := .venv
BIN := $(ENV)/bin
SUITABLE := import sys, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && break; done)
PYTEST_OPTIONS ?= -q
# The example is small: threads gain little there, and wait for each other for minutes where the machine is busy.
export OMP_NUM_THREADS ?= 1

demo: $(ENV)/.ready
	$(BIN)/python examples/hkmg22/demo.py

test: $(ENV)/.ready
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

coverage: $(ENV)/.ready
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) --cov --cov-report=term

lint: $(ENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: $(ENV)/.ready
	$(BIN)/mkdocs build --strict --quiet

hosts: .venv-hosts/.ready

mlflow: .venv-mlflow/.ready

clean:
	rm -rf $(ENV) .venv-hosts .venv-mlflow build dist out site *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage

$(ENV)/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv found; install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(ENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,docs]' -c constraints.txt
	@touch $@

.venv-hosts/.ready: constraints-hosts.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv found; install one, or name it: make hosts PYTHON=/path/to/python3"; exit 1; }
	test -x .venv-hosts/bin/python || $(PYTHON) -m venv .venv-hosts
	.venv-hosts/bin/python -m pip install --quiet --disable-pip-version-check -r constraints-hosts.txt
	@touch $@

.venv-mlflow/.ready: examples/mlflow_plugin/requirements.txt $(ENV)/.ready
	rm -rf .venv-mlflow
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target .venv-mlflow -r examples/mlflow_plugin/requirements.txt -c constraints.txt
	@touch $@
