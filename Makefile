# Two commands do everything, set-up included: `make compare` and `make test`.
# Both keep to a virtual environment of their own, .venv, made by $(PYTHON).

PYTHON ?= python3
LATEST ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python) python3.13)
TORCH := torch==2.13.0

.PHONY: compare test test-latest test-faults test-distributed smoke-recipes lint clean

compare: .venv/ready
	@echo "== the main job: characters against words (nine to fourteen minutes on two cores)"
	.venv/bin/python -m experiments.char_vs_word $(ARGS)

test: .venv/ready-dev
	@echo "== the tests"
	.venv/bin/python -m pytest -n 2

test-latest:
	@echo "== the tests on the newest Python and JAX, without PyTorch ($(LATEST))"
	test -d .venv-latest || $(LATEST) -m venv .venv-latest
	.venv-latest/bin/python -m pip install -q -e ".[experiments,subword,dev]"
	.venv-latest/bin/python -m pytest -n 2

test-faults: .venv/ready-dev
	@echo "== the long form of the tests of faults: kills, signals, damage, hostile input (about ten minutes)"
	CHARRNN_FAULTS=long .venv/bin/python -m pytest -n 2 --hypothesis-profile=faults tests/faults \
	    tests/io/test_checkpoints.py tests/io/test_hostile_corpora.py tests/text/test_hostile.py \
	    tests/experiments/test_hostile_configuration.py

test-distributed: .venv/ready-dev
	@echo "== the long form of the tests of several devices and processes (about fifteen minutes)"
	CHARRNN_DISTRIBUTED=long .venv/bin/python -m pytest -n 1 tests/distributed tests/test_parallel.py \
	    tests/test_sharded_vocabulary.py tests/test_accumulation.py tests/experiments/test_meshes.py

smoke-recipes: .venv/ready-dev
	@echo "== two steps of every recipe, at its size"
	CHARRNN_SMOKE=1 .venv/bin/python -m pytest -n 0 tests/experiments/test_recipes.py -k trains

lint: .venv/ready-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright

.venv/ready: pyproject.toml
	@echo "== setting up .venv (once; a few minutes)"
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -q -e ".[experiments,subword]"
	touch $@

.venv/ready-dev: .venv/ready
	@echo "== adding what the tests need (once)"
	.venv/bin/python -m pip install -q "$(TORCH)"
	.venv/bin/python -m pip install -q -e ".[experiments,subword,peers,dev]"
	touch $@

clean:
	rm -rf .venv .venv-latest
