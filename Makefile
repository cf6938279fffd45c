# Each target sets up all it needs: the virtual environment, the pinned packages and, for the
# tests, the Debian packages (when root).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# One more than there are cores: tests wait for servers and browsers a tenth of their time.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 1) + 1)
PINNED := $(addprefix requirements/,base.txt dev.txt mariadb.txt msgraph.txt postgresql.txt scim.txt)
REQUIREMENTS := requirements/uv.txt $(PINNED)

# An environment that was made elsewhere, or whose Python is gone, is made anew.
STALE := $(shell { test "$$(cat $(VENV)/base.stamp)" = "$(CURDIR)" && $(BIN)/python -c ''; } 2>/dev/null || echo stale)

# Programs start again and again in the tests: what Python compiled is kept, whoever forbids it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test prove check bench docs messages format pictures clean stale
.DEFAULT_GOAL := demo

$(VENV)/base.stamp: $(REQUIREMENTS) pyproject.toml $(STALE)
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing; as root: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("HyperSync needs Python 3.11 or newer, this is %s" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "python3-venv is missing; as root: apt-get install python3-venv" >&2; exit 1; }
	@test -z "$(STALE)" || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes $(PINNED:%=-r %)
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@echo $(CURDIR) > $@

# What is compiled against a Debian package comes after it.
$(VENV)/apt.stamp: .ci/system-packages requirements/ldap-c.txt $(VENV)/base.stamp
	@sh .ci/system-packages
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --no-build-isolation -r requirements/ldap-c.txt
	@touch $@

demo: $(VENV)/base.stamp
	@$(BIN)/hypersync demo $(ARGS)

# Types are checked while packages are unpacked.
test: $(VENV)/base.stamp
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check $(VENV)/apt.stamp
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=15 $(ARGS)

# Everything `make test` samples, in full: about an hour on two cores. ARGS: --steps, --seed, --jobs.
prove: $(VENV)/apt.stamp
	$(BIN)/python -m tests.prove $(ARGS)

check: $(VENV)/base.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Collects what is said to people into the catalogues of translations.
messages: $(VENV)/base.stamp
	@$(BIN)/python -m docs.translations

format: $(VENV)/base.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/base.stamp
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/base.stamp
	$(BIN)/python -m docs.generate

# The picture of the README, taken by the test of the approver's morning.
pictures: $(VENV)/apt.stamp
	@mkdir -p $(VENV)/pictures
	HYPERSYNC_PICTURES=$(VENV)/pictures $(BIN)/python -m pytest -q tests/e2e/test_approver_story.py -k glance
	@cp $(VENV)/pictures/mail-desk.png docs/images/mail.png

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
