# The first target to run sets up .venv by itself; it needs Python 3.11 or later, and nothing else.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready

.PHONY: demo test lint soak bench clean

demo: $(READY)
	@$(RUN) -m cwmpagent.lab.demo $(if $(filter-out 0,$(ONCE)),--once)

test: $(READY)
	@$(RUN) -m tests.runner

lint: $(READY)
	@$(RUN) -m tests.runner --lint

soak: $(READY)
	@$(RUN) -m tests.soak

bench: $(READY)
	@for script in $(wildcard benchmarks/*.py); do echo "$$script"; $(RUN) $$script || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis
	find cwmpagent tests twisted -name __pycache__ -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache twistd.pid

$(READY): setup.py pyproject.toml
	@test -n '$(PYTHON)' || { echo 'This needs Python 3.11 or later: put it on the PATH, or say make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Setting up $(VENV) for the first run (or after a change of setup.py) ...'
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-input \
		--config-settings editable_mode=compat --editable '.[dev]'
	@touch $@
