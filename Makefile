# make help lists the targets.

PYTHON ?= python3
MIRROR = null
PRETRAINED = true
MODEL = kaggle15_net
MESSAGE =

# Recipes read these variables from the environment, so that neither make nor the shell interprets their characters.
override MIRROR := $(value MIRROR)
override PRETRAINED := $(value PRETRAINED)
override MODEL := $(value MODEL)
override MESSAGE := $(value MESSAGE)
export MIRROR PRETRAINED MODEL MESSAGE

# DVC runs `python`, which must be the environment's, with its own packages.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH
# Names of files are UTF-8 in every locale.
export PYTHONUTF8 := 1

# DVC needs a home folder and a user name, which containers may lack.
export HOME ?= /
export USER ?= $(shell id -u)

# DVC's experiments are git commits, which need an author.
ifeq ($(shell git config user.name),)
export GIT_AUTHOR_NAME ?= facial keypoints
export GIT_COMMITTER_NAME ?= $(GIT_AUTHOR_NAME)
endif
ifeq ($(shell git config user.email),)
export GIT_AUTHOR_EMAIL ?= nobody@localhost
export GIT_COMMITTER_EMAIL ?= $(GIT_AUTHOR_EMAIL)
endif

SETUP := .venv/.done

.PHONY: help setup repro public contenders send same plots demo test check bench soak audit lock
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(SETUP) ## create .venv from requirements.lock (about 3 minutes, 6 GB)

# A checkout changes the modification time of the lock file; the environment is rebuilt only if the content changed.
$(SETUP): requirements.lock
	@cmp -s requirements.lock .venv/installed.lock || $(MAKE) --no-print-directory environment
	@touch $(SETUP)

.PHONY: environment
environment:
	@if [ -L .venv ]; then \
	  echo "error: .venv is a link to an environment without the packages of requirements.lock; run make setup there," >&2; \
	  echo "or remove the link" >&2; \
	  exit 1; \
	fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4) and "Python 3.11.4 or newer is needed; use make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements.lock
	cp requirements.lock .venv/installed.lock
	@$(MAKE) --no-print-directory path-warning

.PHONY: path-warning
path-warning:
	@if printf %s "$$PWD" | LC_ALL=C grep -q '[^ -~]'; then \
	  echo "warning: the name of this folder is not ASCII, so DVC's queue and dvc exp run --temp fail here;" >&2; \
	  echo "move the repository, or move its cache with: dvc cache dir --local FOLDER" >&2; \
	fi

repro: $(SETUP) ## run the pipeline with the settings of params.yaml, by default on rendered faces
	dvc repro
	@$(MAKE) --no-print-directory summary

public: $(SETUP) ## run the pipeline on the public data; MIRROR=folder or URL, PRETRAINED=false
	@mirror=$$(python tools/dvc_override.py -- mirror "$$MIRROR") && \
	  pretrained=$$(python tools/dvc_override.py -- models.resnet18.pretrained "$$PRETRAINED") && \
	  set -x && dvc exp run -S source=public -S "$$mirror" -S "$$pretrained"
	@$(MAKE) --no-print-directory summary

contenders: $(SETUP) ## train all networks of contenders/ on the public data, hours; MIRROR=folder or URL
	@mirror=$$(python tools/dvc_override.py -- mirror "$$MIRROR") && \
	  cd contenders && set -x && dvc exp run -S "$$mirror" evaluate submit

send: $(SETUP) ## upload the submission of MODEL=kaggle15_net to Kaggle; MESSAGE="..."
	python src/send.py $${MESSAGE:+"--message=$$MESSAGE"} -- "$$MODEL"

plots: $(SETUP) ## all charts in dvc_plots/index.html, which works offline
	python tools/dvc_plots_template.py
	dvc config --local plots.html_template plots.html
	dvc plots show

demo: $(SETUP) ## build a page in demo/ that predicts landmarks in the visitor's browser (needs npm)
	python src/export.py --web demo

.PHONY: summary
summary:
	@echo; cat report/scores.md; echo
	@echo "scores      metrics/scores/    errors per face  metrics/faces/"
	@echo "models      models/            learning curves  metrics/history/"
	@echo "figures     metrics/figures/   Kaggle CSV       submissions/"
	@echo "page        report/index.html  charts           make plots"

same: $(SETUP) ## verify that uncommitted changes leave results unchanged, then record them (dvc commit)
	python tools/verify_same.py
	dvc commit --force

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

# The scanner gets an environment of its own because of its dependencies.
AUDIT := .venv-audit/bin/pip-audit

$(AUDIT):
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit==2.10.1

audit: $(AUDIT) ## list known vulnerabilities of the pinned packages (queries PyPI)
	@$(AUDIT) --strict --disable-pip --require-hashes --requirement requirements.lock || { \
	  echo "audit: a vulnerability is listed above, or PyPI's service was not available for every package"; exit 1; }

lock: ## compile requirements.lock (needs uv)
	uv pip compile pyproject.toml --group pipeline --group dev --universal --generate-hashes --no-header --no-annotate --output-file requirements.lock
