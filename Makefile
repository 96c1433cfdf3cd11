# make run    set-up and the live demo in a browser; make run ARGS="--source clip.mp4" passes options on
# make test   set-up and every check
# make nightly  set-up and the long checks: loads, soaks, many fuzzed inputs
# make audit  set-up and the installed packages looked up in the advisory data
# make bench  set-up and the benchmark of the live path

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
ARGS ?=

.PHONY: run test check nightly audit bench setup setup-dev clean

run: $(VENV)/.installed
	@$(PYTHON) run_stream.py $(ARGS)

test: $(VENV)/.installed-dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

nightly: $(VENV)/.installed-dev
	$(PYTHON) -m pytest -m nightly $(ARGS)

audit: $(VENV)/.installed-dev
	@.ci/audit

bench: $(VENV)/.installed-dev
	$(PYTHON) -m realtime.bench $(ARGS)

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

# The first of these that is Python 3.10 to 3.12 and can make environments; else uv brings 3.12.
$(PYTHON):
	@for python in python3 python3.12 python3.11 python3.10; do \
	  if $$python -c 'import sys, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
	    2>/dev/null; then \
	    echo "making $(VENV) with $$($$python --version)"; \
	    exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "no Python 3.10 to 3.12 found; asking uv for 3.12"; \
	{ [ -x .bootstrap/bin/uv ] || { python3 -m venv .bootstrap && .bootstrap/bin/pip install -q uv; }; } \
	  && .bootstrap/bin/uv venv -q --python 3.12 --seed $(VENV) 2>/dev/null \
	  || { rm -rf $(VENV); echo "set-up needs Python 3.10, 3.11 or 3.12 with its venv module," \
	       "for instance: apt install python3.11 python3.11-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(PYTHON)
	@echo "installing what IFDD Live needs into $(VENV); the first time this takes some minutes"
	@$(PYTHON) -m pip install --disable-pip-version-check -c constraints.txt -e .
	@$(PYTHON) -c 'import cv2' || { echo "OpenCV cannot load its system libraries;" \
	  "on Debian and Ubuntu: apt install libgl1 libglib2.0-0 libegl1 libgles2" >&2; exit 1; }
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.installed
	@$(PYTHON) -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .bootstrap *.egg-info
