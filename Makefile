# Everything a developer runs. Only Python and make are needed; `make` alone lists the targets.

PYTHON ?= python3
PORT ?= 5000
UV ?= uv
ARGS ?=

IN_VENV = .venv/bin/python -m
FLASK = FLASK_SERVER_NAME=127.0.0.1:$(PORT) $(IN_VENV) flask --debug
# The tests of one file share what they start. How many processes: tests/conftest.py.
PYTEST = $(IN_VENV) pytest -q --durations=5 --numprocesses auto --dist loadfile --no-loadscope-reorder
# With their extras: older pips take « coverage[toml] » for another package than the « coverage » that is pinned,
# and stop at its next release.
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-strip-extras --no-emit-index-url --no-header \
	--python-version 3.11 pyproject.toml

.PHONY: help run test test-all lint coverage mutants audit fuzz bench bench-certificate bench-register lock clean
.NOTPARALLEL:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-17s %s\n", $$1, $$2}' Makefile

run: .venv/requirements.done ## install what is needed, then serve on 127.0.0.1:5000 (PORT=… to change)
	@$(FLASK) --app app upgrade
	@$(FLASK) --app wsgi run --host 127.0.0.1 --port $(PORT)

test: lint ## lint, then run the tests, but for the long ones, which it names (ARGS=… goes to pytest)
	$(PYTEST) $(ARGS)

test-all: .venv/requirements-dev.done ## the long tests, the tests on PostgreSQL, and the faults: run it after `make test`
	$(PYTEST) --long $(ARGS)
	$(PYTEST) --engine postgresql $(ARGS)
	$(PYTEST) tests/faults $(ARGS)

lint: .venv/requirements-dev.done ## check style, types and templates
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) mypy
	$(IN_VENV) djlint --lint --quiet templates

audit: .venv/requirements-dev.done ## look for known faults in our code, and in the packages it runs on
	$(IN_VENV) bandit --quiet --recursive --configfile pyproject.toml app wsgi.py gunicorn.conf.py
	$(IN_VENV) tests.audit_packages requirements.txt

fuzz: .venv/requirements-dev.done ## ask what nobody thought of, for MINUTES=10
	nice -n 19 $(IN_VENV) tests.fuzz $(or $(MINUTES),10)

bench: .venv-bench/requirements-bench.done bench/peers/express/node_modules/.package-lock.json ## measure the load beside other frameworks, 20 minutes (ARGS=--quick, ARGS=--save)
	.venv-bench/bin/python -m bench.load $(ARGS)

coverage: .venv/requirements-dev.done ## all tests, and which lines and branches of app/ they pass by (95 % at least)
	$(IN_VENV) pytest -q --cov --cov-branch $(ARGS)

mutants: .venv/requirements-dev.done ## change the rules bit by bit, and see whether the tests notice (85 % at least)
	$(IN_VENV) tests.mutants

bench-certificate: .venv-bench/requirements-bench.done ## measure the CPU time of a certificate (ARGS=--save)
	.venv-bench/bin/python -m bench.certificate $(ARGS)

bench-register: .venv-bench/requirements-bench.done ## measure the register at 1,000 and 1,000,000 signatures (ARGS=--save)
	.venv-bench/bin/python -m bench.register $(ARGS)

lock: ## write requirements*.txt anew from pyproject.toml (ARGS=--upgrade for the newest); needs uv
	$(COMPILE) $(ARGS) --output-file requirements.txt
	$(COMPILE) $(ARGS) --group dev --constraints requirements.txt --output-file requirements-dev.txt
	$(COMPILE) $(ARGS) --group bench --constraints requirements.txt --output-file requirements-bench.txt

clean: ## remove .venv, .venv-bench and caches; instance/ and its database stay
	rm -rf .venv .venv-bench bench/peers/express/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis mutants .coverage*
	find app bench tests -name __pycache__ -prune -exec rm -rf {} +

# A .done file says that an install came to its end. None at all: this is the first one, or one was interrupted and
# may have left half a package that pip takes for a whole one, so the environment is made anew.
define install
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: install Python 3.11 or newer (Debian: apt install python3 python3-venv), or name one with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: install Python 3.11 or newer (Debian 12: apt install python3 python3-venv), or name one with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: apt install python3-venv)." >&2; exit 1; }
	@if ls $(@D)/*.done >/dev/null 2>&1; then rm $(@D)/*.done; else $(PYTHON) -m venv --clear $(@D); fi
	@echo "Installing $< into $(@D) (a minute at most)"
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r $<
	@touch $@
endef

.venv/requirements.done: requirements.txt
	$(install)

.venv/requirements-dev.done: requirements-dev.txt
	$(install)
	@touch .venv/requirements.done # requirements-dev.txt holds the packages of requirements.txt too

.venv-bench/requirements-bench.done: requirements-bench.txt
	$(install)

bench/peers/express/node_modules/.package-lock.json: bench/peers/express/package-lock.json
	@command -v npm >/dev/null || { echo "npm is not there: install Node.js 20 or newer (Debian: apt install nodejs npm)." >&2; exit 1; }
	npm ci --prefix bench/peers/express --no-audit --no-fund
	@touch $@
