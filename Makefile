# playd from a fresh clone: Python 3.11 or newer, git and make are enough. Every target makes what it needs.
#
#   make run                          two example Plays on paper, on a synthetic market at 60 times real time
#   make run CANDLES=f.parquet SPEED=600
#   make test                         the whole suite
#   make test-optimised               the same under python -O
#   make check                        format, lint, types, house rules
#   make bench                        speed and memory
#   make kill-sweep                   three hundred deaths of the daemon, a quarter of an hour
#   make killed-runs                  five thousand lives in virtual time: how many orders there ever were for one attempt
#   make order-model                  random lives of an account, and which (state, event) pairs they went through
#   make planted-bugs                 whether the tests find bugs that are put there on purpose
#   make clients                      freqtrade, nautilus_trader and bybit-api trade on the local exchange, ten minutes

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

# Compiled kernels live here and nowhere else; the folder may be deleted at any time.
export NUMBA_CACHE_DIR := $(CURDIR)/.cache/numba

RUNTIME := $(VENV)/.installed
DEV     := $(VENV)/.installed-dev
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run test test-optimised check bench kill-sweep killed-runs order-model planted-bugs clients install format generated clean

help:
	@sed -n '3,13s/^#   //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"playd needs Python 3.11 or newer, {sys.executable} is {v[0]}.{v[1]}; name another one: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'this Python cannot make environments; on Debian: apt install python3-venv' >&2; exit 1; }

$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(DEV): $(RUNTIME)
	$(PIP) --editable '.[dev]'
	@touch $@

install: $(RUNTIME)

run: $(RUNTIME)
	@$(BIN)/playd run $(if $(CANDLES),--candles '$(CANDLES)' --as-declared) $(if $(SPEED),--speed '$(SPEED)') $(ARGS)

test: $(DEV)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

# The same without any `assert` of the package: no rule of safety rests on one.
test-optimised: export PYTHONOPTIMIZE := 1
test-optimised: test

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/tidy tests/golden $(ARGS)

bench: $(DEV)
	$(BIN)/python -m bench $(ARGS)

# At least POINTS deaths of a real process at calls of its disk and network, with every invariant checked after each.
kill-sweep: $(DEV)
	$(BIN)/python -m tests.crash.sweep $(or $(POINTS),300) $(SEED)

# RUNS lives of one account that dies again and again, in virtual time; ten minutes.
killed-runs: $(DEV)
	$(BIN)/python -m tests.simulation.killed_runs $(or $(RUNS),5000)

# LIVES random lives of one account in virtual time: faults, hands, deaths; prints the pairs of (state, event) of the three machines.
order-model: $(DEV)
	$(BIN)/python -m tests.simulation.order_model $(or $(LIVES),300)
	$(BIN)/python -m pytest -q -s tests/laws/test_order_machine.py tests/laws/test_cover_machine.py tests/laws/test_share_machine.py tests/laws/test_halt_machine.py

# One copy of the package per bug of tests/planted/bugs.toml; names the test that catches it. ARGS=--write keeps the table.
planted-bugs: $(DEV)
	$(BIN)/python -m tests.planted.plant $(ARGS)

# Real programs, each in an environment of its own below .cache/clients; needs a package index the first time.
clients: $(DEV)
	$(BIN)/python -m tests.clients $(ARGS)

# Formats in place what `check` complains about.
format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Writes again what is generated from code: the shipped settings, the schemas, the page of log events, the reference of Plays.
generated: $(RUNTIME)
	$(BIN)/python -m playd.settings.document config
	$(BIN)/python -m playd.control.json_schema config/schema/control
	$(BIN)/python -m playd.ops.event_page runbooks/log-events.md
	$(BIN)/python -c 'from playd.plays.json_schema import schema_text; print(schema_text(), end="")' > config/schema/play.schema.json
	$(BIN)/python -m playd.plays.reference > daemon/play-reference.md

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build
