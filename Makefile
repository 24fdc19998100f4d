# Everything a person or CI does here. `make` alone lists it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Many containers set it: then each start of a command compiles all of hogsync anew, a second of CPU.
unexport PYTHONDONTWRITEBYTECODE

# What later pieces wire in: one line each.
HOGSYNC  = .venv/bin/hogsync
TABLES   = .venv/bin/python -m pipelines.tables_page
SETTINGS = .venv/bin/python -m pipelines.settings.example
FAULTS   = .venv/bin/python -m tests.faults
BENCH    = .venv/bin/python -m tests.bench
MUTATION = .venv/bin/python -m tests.mutation
SOAK     = .venv/bin/python -m tests.soak
# A file's tests share what their fixtures made, so a file is one process's work. A process waits for disks, servers and
# clocks: three of them kept two cores busy for 83 % of the time.
CORES    = $(shell getconf _NPROCESSORS_ONLN)
PYTEST   = .venv/bin/python -m pytest --numprocesses $$(( $(CORES) < 4 ? $(CORES) + 2 : 5 )) --dist loadfile --no-loadscope-reorder
QUESTION = select p.name as project, s.title as report, count(*) as sent, \
	count(*) filter (where d.status = 'failed') as failed, \
	max(d.created_at) filter (where d.status = 'completed') as last_arrived \
	from subscription_deliveries d \
	join subscriptions s on s.project_id = d.project_id and s.id = d.subscription_id \
	join projects p on p.id = d.project_id where s._deleted_at is null \
	group by p.name, s.title having count(*) filter (where d.status = 'failed') > 0 \
	order by failed desc, report, project limit 8

# The locks hold the extra `sandbox`, too. Wheels only and hashes only: no foreign build script runs between a clone and its tests.
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --only-binary :all:
EDITABLE    = -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name text; do \
		printf '  make %-15s %s\n' "$$name" "$$text"; done

# ---------------------------------------------------------------- environment

# Each candidate is run, not looked up: a version manager's shim exists and then fails, Python 3.15 is too new for dlt,
# and Debian's python3 comes without ensurepip. The stamp is last: an interrupted venv is made again.
.venv/venv.stamp:
	@if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; \
	else set -- python3.13 python3.12 python3.11 python3.14 python3 python; fi; \
	for python do \
		"$$python" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' \
			>/dev/null 2>&1 || continue; \
		"$$python" -m venv --clear .venv && touch $@ && exit 0; \
		exit 1; \
	done; \
	echo "hogsync needs Python 3.11, 3.12, 3.13 or 3.14 with its venv module (Debian, Ubuntu: apt install" \
		"python3-venv) and found none: install one, or name it with PYTHON=..." >&2; exit 1

.venv/run.stamp: .venv/venv.stamp requirements.txt pyproject.toml
	@echo "Installing hogsync's packages into .venv (once, about a minute) ..."
	.venv/bin/python $(PIP_INSTALL) --require-hashes -r requirements.txt
	.venv/bin/python $(EDITABLE)
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements-dev.txt
	.venv/bin/python $(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

.PHONY: setup
setup: .venv/run.stamp ## Make .venv with .venv/bin/hogsync in it

.PHONY: dev
dev: .venv/dev.stamp ## The same, and what tests and lint need

# ---------------------------------------------------------------- the main job

.PHONY: run
run: .venv/run.stamp ## Sync PostHog into hogsync.duckdb; without a key, a sandbox PostHog into sandbox.duckdb
	@if [ -n "$$POSTHOG_PERSONAL_API_KEY$$POSTHOG_PERSONAL_API_KEY_FILE" ] || grep -Eqs \
		"^(export )?POSTHOG_PERSONAL_API_KEY(_FILE)? *= *[\"']?[^\"'# ]" .env; then \
		set -x; $(HOGSYNC) sync && $(HOGSYNC) query "$(QUESTION)"; \
	else \
		set -x; $(HOGSYNC) sync --sandbox && \
		$(HOGSYNC) query --sandbox "$(QUESTION)"; \
	fi

# ---------------------------------------------------------------- checks

.PHONY: test
test: .venv/dev.stamp ## Everything CI checks: lint, types, imports, docs, tests (a real Postgres included)
	@$(MAKE) --no-print-directory --jobs lint pytest

# After docs-check, which collects all tests once: no process of tests rewrites their assertions again.
.PHONY: pytest
pytest: .venv/dev.stamp docs-check
	$(PYTEST)

.PHONY: test-fast
test-fast: .venv/dev.stamp ## Tests that start nothing and need no Postgres: about a minute, while you work
	$(PYTEST) -p tests.fast

.PHONY: soak
soak: .venv/dev.stamp ## What takes long, in parts of an hour at most: make soak-kills-duckdb and so on, see make soak-list
	$(SOAK)

.PHONY: soak-list
soak-list: .venv/dev.stamp
	@$(SOAK) --list

soak-%: .venv/dev.stamp
	$(SOAK) $*

.PHONY: lint
lint: .venv/dev.stamp ## ruff, mypy, import-linter, zizmor
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/zizmor --offline --pedantic --strict-collection --no-progress --quiet .github/workflows deploy/github-actions/sync.yml

.PHONY: docs-check
docs-check: .venv/dev.stamp
	$(TABLES) --check
	$(SETTINGS) --check
	$(FAULTS) --check

.PHONY: docs
docs: .venv/dev.stamp ## Write the generated pages anew: sources/posthog/TABLES.md, .env.example and tests/FAULTS.md
	$(TABLES)
	$(SETTINGS)
	$(FAULTS)

.PHONY: snapshots
snapshots: .venv/dev.stamp ## Write anew what users rely on, after a decision to change it: tests/contracts/*.txt
	HOGSYNC_TEST_SNAPSHOTS=write .venv/bin/python -m pytest tests/contracts

# DuckDB 1.5 laid over .venv: the first site directory wins, so only this one package differs.
.venv-duckdb15/run.stamp: .venv/dev.stamp requirements-duckdb15.txt
	.venv/bin/python -m venv --clear .venv-duckdb15
	.venv-duckdb15/bin/python $(PIP_INSTALL) --require-hashes --no-deps -r requirements-duckdb15.txt
	@site=$$(.venv/bin/python -c 'import sysconfig; print(repr(sysconfig.get_path("purelib")))') && \
		over=$$(.venv-duckdb15/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
		echo "import site; site.addsitedir($$site)" > "$$over/beneath.pth"
	.venv-duckdb15/bin/python $(EDITABLE)
	@touch $@

.PHONY: test-duckdb15
test-duckdb15: .venv-duckdb15/run.stamp ## Warehouses and whole syncs on DuckDB 1.5, the oldest that is supported
	.venv-duckdb15/bin/python -m pytest -m versions

.PHONY: test-postgres16
test-postgres16: .venv/dev.stamp ## The same on Postgres 16, the oldest that is tested
	HOGSYNC_TEST_PG_MAJOR=16 $(PYTEST) -m versions

.PHONY: test-pythons
test-pythons: ## The fast tests in a fresh clone with each supported Python that is found here
	@set -e; for python in python3.11 python3.12 python3.13 python3.14; do \
		$$python -c 'import ensurepip' >/dev/null 2>&1 || continue; \
		clone=$$(mktemp -d); trap 'rm -rf "$$clone"' EXIT; \
		echo "$$python: make test-fast in a fresh clone"; \
		git clone --quiet . "$$clone" && PYTHON=$$python $(MAKE) --directory "$$clone" test-fast; \
		rm -rf "$$clone"; \
	done

.PHONY: bench
bench: .venv/dev.stamp ## What a sync costs, beside what it could cost and what dlt's rest_api costs; takes an hour
	$(BENCH)

.PHONY: mutation
mutation: .venv/dev.stamp ## Take each safety rule away and see a test fail (part of soak)
	$(MUTATION)

# ---------------------------------------------------------------- releasing

LOCK = UV_PYTHON_DOWNLOADS=never .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --only-binary :all: --no-emit-index-url --no-header --no-annotate --exclude-newer "7 days"

# Versions already locked are kept: `make lock LOCK_FLAGS=--upgrade` moves them, `--upgrade-package X` just one.
# A week's delay avoids most freshly hijacked releases.
.PHONY: lock
lock: .venv/venv.stamp ## Lock every dependency with hashes (LOCK_FLAGS=--upgrade for newer versions)
	.venv/bin/python -m venv --clear .venv-lock
	.venv-lock/bin/python $(PIP_INSTALL) uv
	$(LOCK) $(LOCK_FLAGS) pyproject.toml --extra sandbox --group build -o requirements.txt
	$(LOCK) $(LOCK_FLAGS) pyproject.toml --extra sandbox --group dev -c requirements.txt -o requirements-dev.txt
	$(LOCK) $(LOCK_FLAGS) pyproject.toml -c requirements.txt -o requirements-image.txt
	$(LOCK) $(LOCK_FLAGS) --group build -c requirements.txt -o requirements-build.txt
	$(LOCK) $(LOCK_FLAGS) pyproject.toml --extra dagster -c requirements.txt -o deploy/dagster/requirements.txt
	echo 'apache-airflow>=3.3,<3.4' | $(LOCK) $(LOCK_FLAGS) - -o deploy/airflow/requirements.txt
	echo 'duckdb==1.5.6' | $(LOCK) --no-deps - -o requirements-duckdb15.txt
	rm -rf .venv-lock

.PHONY: wheel
wheel: .venv/run.stamp ## Build dist/hogsync-*.whl
	.venv/bin/python -m hatchling build --target wheel

.PHONY: clean
clean: ## Remove environments and caches; warehouses and settings stay
	rm -rf .venv .venv-duckdb15 .venv-lock dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
