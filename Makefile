# Every target sets up .venv by itself (tools/set_up.py): Python 3.10 to 3.13 and make are all it needs.
# The package is used in place: run.py and conf/ stand at the root, so there is nothing to install but dependencies.

PYTHON ?= python3
ARGS ?=
# Optional dependencies, as in EXTRAS=serve,export; they stay installed.
EXTRAS ?=
# Test processes; a file's tests stay together, as they share fixtures that take long to make.
JOBS ?= 2
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s%s\n", $$1, $$2 }' Makefile

setup: ## Make .venv from requirements.txt (EXTRAS=serve,export adds optional packages, PYTHON=python3.12 names the interpreter)
	@$(PYTHON) -c "" 2>/dev/null || { echo "$(PYTHON) does not run here: install Python 3.10 to 3.13, or name one, as in \`make setup PYTHON=python3.12\`." >&2; exit 1; }
	@$(PYTHON) tools/set_up.py $(if $(filter command,$(firstword $(origin PYTHON))),--exact) $(if $(EXTRAS),--extras "$(EXTRAS)")

run: setup ## Train the LSTM on household power; ARGS="model=gru precision=mixed" says otherwise
	@$(VENV)/python run.py $(ARGS)

test: setup ## Run the tests; ARGS="tests/unit -k windows" narrows them
	@$(VENV)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: setup ## Check style and types
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy tsforecast run.py

bench: setup ## Compare speed with PyTorch, NeuralForecast and stock Keras, write docs/performance.md; ARGS="--minutes 3 --rounds 4"
	@$(VENV)/python -m benchmarks.bench $(ARGS)

lock: setup ## Pin the newest dependencies that pyproject.toml allows, for Python 3.10 to 3.13, with hashes
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/uv pip compile --quiet --upgrade --universal --generate-hashes \
		--python-version 3.10 --extra dev --no-emit-index-url --no-emit-find-links \
		--output-file requirements.txt pyproject.toml
	@$(MAKE) --no-print-directory setup

clean: ## Remove .venv, .venv-bench and caches; outputs/ stays
	@rm -rf .venv .venv-bench .pytest_cache .hypothesis .mypy_cache .ruff_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
