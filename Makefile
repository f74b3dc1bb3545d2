# Every target sets up .venv (tools/set_up.py) and needs only make and Python 3.10 to 3.13.
# A checkout is used in place: run.py and conf/ are at the root, so only dependencies are installed.

PYTHON ?= python3
ARGS ?=
# Optional dependencies, as in EXTRAS=serve,export; they stay installed.
EXTRAS ?=
# Test processes; a file's tests stay together, because they share expensive fixtures.
JOBS ?= 2
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s%s\n", $$1, $$2 }' Makefile

setup: ## Make .venv from requirements.txt (EXTRAS=serve,export adds optional packages, PYTHON=python3.12 selects the interpreter)
	@$(PYTHON) -c "" 2>/dev/null || { echo "$(PYTHON) does not run here: install Python 3.10 to 3.13, or select one, as in \`make setup PYTHON=python3.12\`." >&2; exit 1; }
	@$(PYTHON) tools/set_up.py $(if $(filter command,$(firstword $(origin PYTHON))),--exact) $(if $(EXTRAS),--extras "$(EXTRAS)")

run: setup ## Train an LSTM on household power; change options by ARGS="model=gru precision=mixed"
	@$(VENV)/python run.py $(ARGS)

test: setup ## Run the tests; ARGS="tests/unit -k windows" selects some
	@$(VENV)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: setup ## Check style and types
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy tsforecast run.py

bench: setup ## Compare speed with PyTorch, NeuralForecast and stock Keras, write docs/performance.md; ARGS="--minutes 3 --rounds 4"
	@$(VENV)/python -m benchmarks.bench $(ARGS)

docs: setup ## Build the documentation into site/; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict

lock: setup ## Pin the newest dependencies that pyproject.toml allows, for Python 3.10 to 3.13, with hashes
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/uv pip compile --quiet --upgrade --universal --generate-hashes \
		--python-version 3.10 --extra dev --no-emit-index-url --no-emit-find-links \
		--output-file requirements.txt pyproject.toml
	@$(MAKE) --no-print-directory setup

clean: ## Remove .venv, .venv-bench and caches; outputs/ stays
	@rm -rf .venv .venv-bench site .pytest_cache .hypothesis .mypy_cache .ruff_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
