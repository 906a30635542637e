# Two commands are all a newcomer needs: `make serve` and `make test`. Only python3 (3.11 or newer) and make are assumed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve demo plugins test test-faults parity both-ways check lock bench clean frontend models sdks

# The address comes from HOST and PORT: of `make serve PORT=9000`, of the environment, or of `.env`.
# -OO leaves out docstrings, which take 3 MB of the server's memory.
serve: $(VENV)/.runtime frontend
	@exec $(BIN)/python -OO -m fastback serve

demo: $(VENV)/.runtime frontend
	@exec $(BIN)/python -OO -m fastback demo

test: $(VENV)/.dev frontend models
	$(BIN)/python -m pytest -q -n auto --maxschedchunk=4

# Servers that are killed, stopped, locked out of their database or out of space, and what is left of what they did.
test-faults: $(VENV)/.dev frontend
	$(BIN)/python -m pytest -q -m "faults or not faults" tests/faults

# Only the answers recorded from Open WebUI, replayed here; what differs is printed.
parity: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto -m parity tests/parity

# With FASTBACK_REFERENCE=…/bin/open-webui: a database goes to Open WebUI and back.
both-ways: $(VENV)/.dev
	$(BIN)/python -m pytest -q -s tests/both_ways

check: $(VENV)/.dev
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev frontend
	$(BIN)/python -m bench

frontend: $(VENV)/.runtime
	@$(BIN)/fastback frontend

# The embedding model of the tests; what needs it is skipped where it cannot be had.
models: $(VENV)/.runtime
	@$(BIN)/fastback models fetch || true

$(VENV)/.runtime: requirements.lock pyproject.toml
	@$(PYTHON) deploy/install.py requirements.lock

# What many plugins import besides the server's packages: fastapi, httpx, sqlalchemy, beautifulsoup4 and others.
plugins: $(VENV)/.plugins

$(VENV)/.plugins: $(VENV)/.runtime requirements-plugins.lock
	@$(PYTHON) deploy/install.py requirements-plugins.lock

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(PYTHON) deploy/install.py requirements-dev.lock

# The SDKs whose tool rounds tests/sdk runs, and the OpenID provider of tests/oidc; without them these tests are skipped.
sdks: $(VENV)/.sdks

$(VENV)/.sdks: $(VENV)/.runtime requirements-sdks.lock tests/sdk/node/package-lock.json tests/oidc/package-lock.json
	$(PYTHON) -m venv $(VENV)/sdks
	$(VENV)/sdks/bin/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-sdks.lock
	@if command -v npm >/dev/null; then for folder in tests/sdk/node tests/oidc; do \
		(cd $$folder && npm ci --silent --no-audit --no-fund) || exit 1; done; fi
	@touch $@

# Pin what pyproject.toml asks for, with hashes and without any index.
lock: $(VENV)/.runtime
	$(BIN)/python -m pip install --disable-pip-version-check -q pip-tools
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras --no-header -o requirements.lock pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras --no-header --extra plugins -c requirements.lock -o requirements-plugins.lock pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras --no-header --extra dev --extra plugins -c requirements-plugins.lock -o requirements-dev.lock pyproject.toml
	@# Older versions of pip take a pin without the extra that a package asks for as none.
	sed -i 's/^pydantic==/pydantic[email]==/' requirements.lock requirements-plugins.lock requirements-dev.lock
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras --no-header -o requirements-sdks.lock requirements-sdks.in

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
