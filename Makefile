# Everything that the project needs it installs itself, pinned, into .venv.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help setup browser demo test prove classics real check sbom evaluate bench mutants schemas lock clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready

.venv/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps -e .
	$(BIN)/python -m compileall -q hub
	@touch $@

browser: setup
	@$(BIN)/python -m tests.console.chromium

demo: setup  ## four running sources in, golden records out, a change pushed back (ARGS=--no-serve to end after it)
	$(BIN)/hub demo $(ARGS)

test: setup browser  ## every test, properties sampled
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

prove: setup  ## the properties at full count, crash and concurrency tests at every point
	HUB_EXAMPLES=$${HUB_EXAMPLES:-40} HUB_PROVE=$${HUB_PROVE-1} $(BIN)/python -m pytest -n 2 --dist load tests/promises/test_promises.py tests/promises/test_orders.py tests/promises/test_undo.py tests/promises/test_concurrency.py tests/promises/test_two_processes.py tests/promises/test_crashes.py tests/resolve/test_bulk.py tests/matching tests/golden_record tests/landing/test_fold.py tests/landing/test_landing.py tests/work/test_rows_fuzz.py tests/api/test_every_answer.py tests/api/test_non_interference.py tests/api/test_rows_do_not_interfere.py tests/api/test_openapi.py tests/delivery/test_simulator.py $(ARGS)

real: setup browser  ## the hub against Tryton, PostgreSQL, Stripe's and Segment's clients ..., each installed into .real/
	$(BIN)/python -m pytest -n 0 -o python_files='real_*.py' tests/real $(ARGS)

classics: setup  ## 95 situations of two to seven records: who is one customer
	HUB_PROVE=$${HUB_PROVE-1} $(BIN)/python -m pytest -n 2 tests/matching/test_classics.py $(ARGS)

check: setup  ## style, types, import contracts, configuration
	$(BIN)/ruff format --check -q hub tests benchmarks docs
	$(BIN)/ruff check hub tests benchmarks
	$(BIN)/mypy
	$(BIN)/python -m tests.house > .venv/contracts.toml
	$(BIN)/lint-imports --config .venv/contracts.toml

sbom: setup  ## which packages the hub consists of, for a scanner of advisories: .venv/sbom.json
	$(BIN)/python -m docs.sbom > .venv/sbom.json

evaluate: setup  ## FEBRL 1-4, fake_1000, restaurants, companies, no label used
	$(BIN)/python -m benchmarks.fetched
	$(BIN)/hub evaluate config/evaluate/*.yaml $(ARGS)

bench: setup  ## every figure of the docs, beside its baseline
	$(BIN)/python -m benchmarks $(ARGS)

mutants: setup  ## seeded bugs, and the test that catches each
	$(BIN)/python -m tests.mutants $(ARGS)

lock: setup  ## pin anew
	$(BIN)/uv pip compile -q pyproject.toml --group dev --upgrade --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 -o requirements.lock

clean:  ## what make made; your hub in var/ stays
	rm -rf .venv demo-data
