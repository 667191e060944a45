# `make run` on a fresh clone: environment, installation, the sample screened. Run `make help` for the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
N ?= 100000
LINES ?= 1000000
ROWS ?= 5000000

.DEFAULT_GOAL := help
.PHONY: help setup run test mutants check bench bench-postgres bench-fhir fuzz docs clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(STAMP) ## .venv with everything pinned (PYTHON=... chooses the interpreter, 3.11 or 3.12)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
		|| { echo "Python 3.11 or 3.12 is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $@

run: $(STAMP) ## screen the sample into out/
	@$(BIN)/b12screen run

test: $(STAMP) ## every test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

mutants: $(STAMP) ## change rules and code bit by bit: no change may go unnoticed (an hour on two cores)
	$(BIN)/python -W ignore -m tests.mutation

check: $(STAMP) ## lint, format, types, import contracts, SQL, rule packs, generated pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqruff lint sql
	$(BIN)/b12screen rules check
	$(BIN)/python -m flows.pages --check docs

bench: $(STAMP) ## time a night on N generated people beside the floor: make bench N=1000000
	$(BIN)/python tests/benchmark/bench.py --people $(N)

bench-postgres: $(STAMP) ## time landing from PostgreSQL beside the bare driver: make bench-postgres ROWS=5000000
	$(BIN)/python tests/benchmark/postgres.py --rows $(ROWS)

bench-fhir: $(STAMP) ## time the landing of a FHIR export beside its mere parsing: make bench-fhir LINES=1000000
	$(BIN)/python tests/benchmark/fhir.py --lines $(LINES)

fuzz: $(STAMP) ## ten thousand mutated lines or files for each format that is read
	FUZZ_CASES=10000 $(BIN)/python -m pytest -q tests/sources -k "whatever or changed_stores or fuzz"

docs: $(STAMP) ## write the generated pages of docs/ anew
	$(BIN)/python -m flows.pages docs

clean: ## remove what was made (.venv, out, caches)
	rm -rf .venv out .bench dist build *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
