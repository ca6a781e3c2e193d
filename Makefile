# `make demo` and `make test` set up what they need; see CONTRIBUTING.md.
#   PYTHON=python3.12   the interpreter that .venv is made from (3.11 to 3.13)
#   VENV=folder         another environment; one that was not made here is checked and used as it is
PYTHON ?= python3
VENV ?= .venv
RUN = PYTHONPATH=$(CURDIR) PATH=$(abspath $(VENV))/bin:$$PATH $(VENV)/bin/python

DOCS_VENV ?= .venv-docs

.PHONY: setup demo demo-fewshot demo-match benchmark-gpu test lint format docs clean distclean

setup:
	@$(PYTHON) tools/setup/setup_env.py --venv $(VENV)

demo: setup
	$(RUN) demo/demo_repfusion.py $(ARGS)

demo-fewshot: setup
	$(RUN) demo/demo_fewshot.py $(ARGS)

demo-match: setup
	$(RUN) tools/demo_match.py $(ARGS)
	$(RUN) tools/test.py configs/dift/toyfaces_landmarks.py

benchmark-gpu: setup
	$(RUN) tools/benchmarks/gpu.py $(ARGS)

test: setup
	$(RUN) -m pytest -n auto --maxprocesses 4 $(ARGS)

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/basedpyright --level error --pythonpath $(VENV)/bin/python

format: setup
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: $(DOCS_VENV)/ready
	$(DOCS_VENV)/bin/mkdocs build --strict

$(DOCS_VENV)/ready: requirements/docs.txt requirements/constraints.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/pip install -q -r requirements/docs.txt -c requirements/constraints.txt
	@touch $@

clean:
	rm -rf build dist site *.egg-info .pytest_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf $(if $(wildcard .venv/.mmdiffrep-env),.venv) $(DOCS_VENV) mmdiffrep/.mim
