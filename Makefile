# `make demo` and `make test` set up what they need; see CONTRIBUTING.md.
#   PYTHON=python3.12   the interpreter that .venv is made from (3.11 to 3.13)
#   VENV=folder         another environment; one that was not made here is checked and used as it is
PYTHON ?= python3
VENV ?= .venv
RUN = PYTHONPATH=$(CURDIR) PATH=$(abspath $(VENV))/bin:$$PATH $(VENV)/bin/python

.PHONY: setup demo demo-fewshot test lint format clean distclean

setup:
	@$(PYTHON) tools/setup/setup_env.py --venv $(VENV)

demo: setup
	$(RUN) demo/demo_repfusion.py $(ARGS)

demo-fewshot: setup
	$(RUN) demo/demo_fewshot.py $(ARGS)

test: setup
	$(RUN) -m pytest -n auto --maxprocesses 4 $(ARGS)

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: setup
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf $(if $(wildcard .venv/.mmdiffrep-env),.venv) mmdiffrep/.mim
