# TailTrend. `make` alone prints help.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SAMPLES := build/samples
KEEP ?= 1
PORT ?= 8000
CLIP ?= $(SAMPLES)
JOBS ?= 300
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test browser chaos lint bench migration shell

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## Make the virtual environment and install everything, pinned

# --no-deps: the lock is complete, leaves out triton (1 GB, not needed on CPU) and holds one OpenCV.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(SAMPLES)/.made: $(VENV)/.installed
	@mkdir -p $(SAMPLES)
	$(BIN)/python -m tests.clips relaxed_dog $(SAMPLES)/relaxed_dog.mp4
	$(BIN)/python -m tests.clips distressed_cat $(SAMPLES)/distressed_cat.mp4
	@touch $@

demo: $(VENV)/.installed $(SAMPLES)/.made ## Start everything, analyse sample clips, fill a simulated pet (CLIP=path, KEEP=0, PORT=n, EMPTY=1)
	$(BIN)/tailtrend demo $(CLIP) --port $(PORT) $(if $(filter 0,$(KEEP)),--no-keep,--keep) $(if $(filter 1,$(EMPTY)),--empty)

dev: $(VENV)/.installed ## Run the local stack in the foreground
	$(BIN)/tailtrend up --port $(PORT)

test: $(VENV)/.installed ## Run the tests on real servers
	$(BIN)/python -m pytest -m "not browser"

browser: $(VENV)/.installed ## Look at the pages with Chromium on the whole stack; pictures in build/screenshots
	$(BIN)/python -m pytest tests/browser

chaos: $(VENV)/.installed ## Kill everything under load, prove nothing is lost (JOBS=300, SEED=1)
	$(BIN)/python -m tests.chaos --jobs $(JOBS) --seed $(SEED)

lint: $(VENV)/.installed ## Check format, style, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed ## Print the table of measured figures beside their targets
	$(BIN)/python -m bench

migration: $(VENV)/.installed ## Write a migration: make migration m="add pets" (needs TAILTREND_DATABASE_URL)
	$(BIN)/alembic revision --autogenerate --rev-id $$(printf '%04d' $$(( $$(ls migrations/versions/[0-9]*.py | wc -l) + 1 ))) -m "$(m)"

shell: $(VENV)/.installed ## Open psql on the running local stack
	$(BIN)/tailtrend psql
