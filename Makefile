# The commands of the project; `make` alone shows them. Each is a few lines of pip and python, also given in the README.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q

# A short form of the default space: it ends within about five minutes on two cores, whatever the cores.
ifndef SPACE
SPACE := spaces/mnist_filters.py
ARGS ?= --trials 20 --set sample_size=6000 --set batch_size=64 --set epochs=6 --time-budget 4m
endif
# Date and time let the second run start without a word; NAME=... with ARGS=--resume goes on with an earlier one.
NAME ?= $(notdir $(basename $(SPACE)))-$(shell date +%Y%m%d-%H%M%S)

.DEFAULT_GOAL := help
.PHONY: help setup search dashboard docs test fast lint clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make search SPACE=spaces/digits_filters.py ARGS='--trials 10'   another space, other options"
	@echo "  make search NAME=NAME ARGS=--resume                             go on with an earlier search"
	@echo "  make setup PYTHON=python3.12                                    another Python, 3.11 to 3.13"

setup: $(BIN)/.installed  ## Make .venv and install the project with its checks (again when pyproject.toml changed)

$(BIN)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
	  "$(PYTHON) is Python %d.%d; expected 3.11 to 3.13. Name another: make setup PYTHON=python3.12" % v)'
	@echo "Installing into .venv; the first time takes a few minutes."
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev]'
	@touch $@

search: setup  ## Search a space, by default a short form of spaces/mnist_filters.py of under five minutes
	$(BIN)/python -m search.run $(SPACE) --name $(NAME) $(ARGS)

dashboard: setup  ## Open Optuna's dashboard on the study of a search, RESULTS=results/NAME
	@test -f '$(RESULTS)/study.journal' || { echo "no study at '$(RESULTS)'; expected the folder of a search, like:" \
	  "make dashboard RESULTS=results/NAME" >&2; exit 2; }
	@test -x $(BIN)/optuna-dashboard || $(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dashboard]'
	$(BIN)/optuna-dashboard --storage-class JournalFileStorage '$(RESULTS)/study.journal'

docs: setup  ## Build the documentation as a site into build/site; SERVE=1 shows it while it is written
	@test -x $(BIN)/mkdocs || $(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[docs]'
	$(BIN)/mkdocs $(if $(SERVE),serve,build --strict --quiet)

# Types are checked beside the fast tests. Slow tests often wait for a cluster or a process, so three share two cores; those
# of a file stay together until another worker has nothing left (worksteal). Tests start, kill and time out real processes, so
# that what they do depends on the machine's speed: one that fails is run once more, and the summary names it (RERUN).
test: setup  ## Run every check: lint, types and the whole test suite
	@$(MAKE) --no-print-directory -j 2 lint fast
	$(PYTEST) -n 3 --dist worksteal -m slow --reruns 1 -raR --durations 12

fast: setup  ## Run the tests that take no Ray and no long training
	$(PYTEST) -n 2 -m "not slow" --reruns 1 -raR

lint: setup  ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## Remove .venv and what the tools left behind; results stay
	rm -rf .venv build dist .pytest_cache .ruff_cache .mypy_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
