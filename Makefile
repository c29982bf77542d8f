# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test slow gpu lint live live-core bench docs clean

setup: $(READY)

# torch stands in the same call as the constraints, pinned: a bare torch pulls gigabytes of CUDA.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "autopeft needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0 -e '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/autopeft run search_spaces/tiny_clap.yaml

test: $(READY)
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m 'not slow and not gpu and not live' $(ARGS)

slow: $(READY)
	$(BIN)/python -m pytest -q -m 'slow and not gpu and not live' $(ARGS)

# On a machine with a GPU and a torch that can use it.
gpu: $(READY)
	$(BIN)/python -m pytest -q -m gpu tests/gpu $(ARGS)

lint: $(READY)
	$(BIN)/ruff check platform tests
	$(BIN)/ruff format --check platform tests
	$(BIN)/mypy
	$(BIN)/mypy tests/live
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m autopeft.benchmarks all --out docs/reference/benchmarks.md $(ARGS)

docs: $(READY)
	$(BIN)/python -m autopeft.cli.reference docs/reference

# Real Slurm, Grid Engine and Torque on two hosts made here: as root on Debian, see tests/live/README.md.
live: $(READY)
	LIVE_RECORD=1 $(BIN)/python -m pytest -q -m live tests/live $(ARGS)

live-core: $(READY)
	$(BIN)/python -m pytest -q -m 'live and core' tests/live $(ARGS)

clean:
	rm -rf $(VENV) runs mlflow.db mlartifacts build dist
