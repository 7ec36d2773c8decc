# Needs a Python of 3.11 or newer and make; everything else goes into .venv. e2e and cluster need Go as well, and keep what they build in
# ~/.cache/runmend-tests: docs/testing.md.
.DEFAULT_GOAL := help
.PHONY: help setup demo test e2e crash cluster histories language hashes digests check bench clean
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# Which Python makes .venv; empty: the first that fits. `make setup PYTHON=/opt/python3.12/bin/python3`
PYTHON ?=
# Passed to the command of demo, test, e2e, crash, cluster and bench: `make demo ARGS="--scenario bad-rollout"`
ARGS ?=

# How many processes run the tests; they wait more than they work. `make test WORKERS=0` runs them in one.
WORKERS ?= 6

# How many clusters e2e starts; each is given the next test when it is done with one.
CLUSTERS ?= 4

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BEGUN := $(VENV)/.installing

# pip's own surroundings must not decide where a package goes, ask anything, or print advice.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
unexport PIP_USER PIP_TARGET PIP_PREFIX PYTHONHOME PYTHONPATH
# Each process of the tests would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

help: ## what can be made
	@sed -n 's/^\([a-z0-9]*\): .*## /\1	/p' Makefile | while IFS='	' read -r name text; do printf '  make %-9s  %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## install into .venv what constraints.txt pins; nothing if that is done

demo: $(STAMP) ## break a Deployment in an embedded cluster and watch its runbook repair it
	@$(BIN)/runmend demo $(ARGS)

test: $(STAMP) ## the tests
	@$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadscope --no-loadscope-reorder $(ARGS)

e2e: $(STAMP) ## the contract and the product on a real Kubernetes, built with Go where that was not done yet
	@$(BIN)/python -m tests.cluster build
	@$(BIN)/pytest --numprocesses=$(CLUSTERS) --dist=loadscope --no-loadscope-reorder --cluster=built \
		tests/e2e tests/contract tests/crash $(ARGS)

crash: $(STAMP) ## for each runbook, kill a run's worker before and after every request to the API server; many minutes
	@$(BIN)/python -m tests.crash $(ARGS)

cluster: $(STAMP) ## a real Kubernetes on this machine, until Ctrl-C
	@$(BIN)/python -m tests.cluster run $(ARGS)

histories: $(STAMP) ## record a history of every kind of run, for the tests of workflow changes; a minute
	@$(BIN)/python -m tests.histories $(ARGS)

language: $(STAMP) ## write the tables of docs/language.md anew, after a fact, a sentence, a verb, a state or a key has changed
	@$(BIN)/python -m release.language

hashes: $(STAMP) ## write down anew what the image installs, with hashes, after constraints.txt has changed; a minute
	@$(BIN)/python -m release.hashes

digests: $(STAMP) ## pin the images of Dockerfile and docker-compose.yml by digest; needs crane or docker, and their registries
	@$(BIN)/python -m release.digests

check: $(STAMP) ## lint, format, types, and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## throughput against a hand-written workflow; ARGS=cost, alerts or compile: what a run, a large webhook, or a directory of runbooks costs
	@$(BIN)/python -m bench $(ARGS)

clean: ## remove .venv, caches and builds
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The mark of a begun installation becomes the stamp when all of it is done. A .venv that works is kept and brought up
# to date; one whose installation was interrupted, that has no pip, or whose Python went away, is made anew.
$(STAMP): pyproject.toml constraints.txt Makefile
	@rm -f $@
	@set -eu; \
	fits='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if [ ! -e $(BEGUN) ] && $(BIN)/python -c "$$fits" 2>/dev/null && $(BIN)/python -m pip --version >/dev/null 2>&1; then :; else \
		found=''; bare=''; \
		for candidate in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3.14 python3 python); do \
			"$$candidate" -c "$$fits" 2>/dev/null </dev/null || continue; \
			if "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then found=$$candidate; break; fi; \
			bare=$${bare:-$$candidate}; \
		done; \
		if [ -z "$$found" ] && [ -n "$$bare" ]; then \
			version=$$("$$bare" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
			echo "error: $$bare cannot make a virtual environment, because its ensurepip module is missing;" >&2; \
			echo "       on Debian and Ubuntu: apt-get install python$$version-venv; or name another: make PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		if [ -z "$$found" ]; then \
			echo "error: $(if $(PYTHON),$(PYTHON) is not a Python of 3.11 or newer,no Python of 3.11 or newer on the PATH); install one, or name it: make PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		echo "making $(VENV) with $$found ($$("$$found" --version))"; \
		"$$found" -m venv --clear $(VENV); \
	fi; \
	touch $(BEGUN)
	@echo "installing into $(VENV) what constraints.txt pins (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable '.[dev-server]' --group dev
	@mv $(BEGUN) $@
	@echo "installed"
