# make demo | test | check | bench | serve | container: each sets up .venv by itself and needs nothing but Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check bench serve case-study container lock clean

demo: $(VENV)/.run
	@$(BIN)/tingfeng demo

test: $(VENV)/.test
	@$(BIN)/python -m pytest

check: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.test
	@$(BIN)/python -m benchmarks.engines
	@$(BIN)/python -m benchmarks.batch --peers --scaling 10000,100000
	@$(BIN)/python -m benchmarks.segments

# From comments to the lift of an invented campaign, as docs/case-study.md quotes it.
case-study: $(VENV)/.run
	@$(BIN)/python scripts/case_study.py

serve: $(VENV)/.run
	@if [ -z "$$TINGFENG_HOME$$TINGFENG_STORE" ] && [ ! -e var/tingfeng.duckdb ] && [ -e var/demo/tingfeng.duckdb ]; then \
		echo "no store of your own yet: showing the one of make demo (TINGFENG_HOME=var/demo)"; \
		export TINGFENG_HOME=var/demo; \
	fi; $(BIN)/tingfeng serve

# One environment, filled as far as the target needs. The lock file holds exact versions of everything;
# torch goes first and exactly, because a range would bring gigabytes of GPU libraries.
$(VENV)/.run: pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint requirements.lock --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@$(PIP) install torch==2.13.0
	@$(PIP) install --constraint requirements.lock --editable '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	@$(PIP) install --constraint requirements.lock --editable '.[dev]'
	@touch $@

# The Dockerfile's steps in a clean environment, where no container engine is at hand.
container:
	@$(PYTHON) scripts/replay_dockerfile.py

lock: $(VENV)/.dev
	@$(BIN)/python -m pip freeze --exclude-editable | grep -v '^torch==' | sed 's/+cpu//' > requirements.lock

clean:
	@rm -rf $(VENV) var build *.egg-info
