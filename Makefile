# make help lists the targets.

PYTHON ?= python3
MIRROR ?= null
PRETRAINED ?= true
MODEL ?= resnet18
export MESSAGE ?=

# DVC runs `python`: this makes it the environment's own.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# DVC's experiments are git commits: where git knows no name, they get this one.
ifeq ($(shell git config user.email),)
export GIT_AUTHOR_NAME ?= facial keypoints
export GIT_AUTHOR_EMAIL ?= nobody@localhost
export GIT_COMMITTER_NAME ?= $(GIT_AUTHOR_NAME)
export GIT_COMMITTER_EMAIL ?= $(GIT_AUTHOR_EMAIL)
endif

SETUP := .venv/.done

.PHONY: help setup repro public contenders send plots demo test check bench soak audit lock
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(SETUP) ## make .venv from requirements.lock (about 3 minutes, 6 GB)

# A checkout renews the lock's date; only another content makes the environment anew.
$(SETUP): requirements.lock
	@cmp -s requirements.lock .venv/installed.lock || $(MAKE) --no-print-directory environment
	@touch $(SETUP)

.PHONY: environment
environment:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4) and "Python 3.11.4 or newer is needed; say make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements.lock
	cp requirements.lock .venv/installed.lock

repro: $(SETUP) ## run the pipeline as params.yaml says: by default on rendered faces
	dvc repro
	@$(MAKE) --no-print-directory made

public: $(SETUP) ## run it on the public data; MIRROR=folder or address, PRETRAINED=false
	dvc exp run -S source=public -S 'mirror=$(MIRROR)' -S models.resnet18.pretrained=$(PRETRAINED)
	@$(MAKE) --no-print-directory made

contenders: $(SETUP) ## train the networks of contenders/ on the public data, ten minutes to an hour each; MIRROR=
	dvc exp run contenders/dvc.yaml -S source=public -S 'mirror=$(MIRROR)'

send: $(SETUP) ## send MODEL=resnet18 to Kaggle; MESSAGE="..."; a dry run without credentials
	python src/send.py $(MODEL) $(if $(MESSAGE),--message "$$MESSAGE")

plots: $(SETUP) ## all charts in dvc_plots/index.html, with their scripts inlined: they need no web
	python src/plots_template.py
	dvc config --local plots.html_template plots.html
	dvc plots show

demo: $(SETUP) ## a page in demo/ that finds the points of a face in the visitor's browser (needs npm)
	python src/demo.py

.PHONY: made
made:
	@echo; cat report/scores.md; echo
	@echo "scores      metrics/scores/    errors per face  metrics/faces/"
	@echo "models      models/            learning curves  metrics/history/"
	@echo "pictures    metrics/pictures/  Kaggle CSV       submissions/"
	@echo "page        report/index.html  charts           make plots"

test: $(SETUP) ## run the tests
	python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: $(SETUP) ## ruff and mypy
	ruff check .
	ruff format --check .
	mypy

bench: $(SETUP) ## speed and memory, as ratios within one run
	python benchmarks/run.py

soak: $(SETUP) ## 50 queued experiments, two workers, a third of them killed
	python benchmarks/run.py soak

# The scanner is a tool with dependencies of its own: it has an environment of its own.
AUDIT := .venv-audit/bin/pip-audit

$(AUDIT):
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit==2.10.1

audit: $(AUDIT) ## known vulnerabilities of what requirements.lock pins (asks PyPI)
	@$(AUDIT) --strict --disable-pip --require-hashes --requirement requirements.lock || { \
	  echo "audit: a vulnerability is named above, or PyPI's service could not be asked about every package"; exit 1; }

lock: ## compile requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-annotate --output-file requirements.lock
