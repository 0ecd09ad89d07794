# Everything here works on a machine that has only python3 (3.11 or newer), pip and make.
# The first call puts uv into .tools/ and the environment into .venv/; later calls find them.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/uv-$(UV_VERSION)/bin/uv
BIN := .venv/bin
READY := .venv/.ready
BROWSER := .venv/.browser
NODE_SDK := .tools/openai-node/.ready

# uv is to use the Python that is here, and never to fetch another one.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# Set in many containers. Each of the hundreds of programs that the tests start would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

# How many processes share the tests: three for two cores, as tests/conftest.py says why; `JOBS=0` is none beside
# pytest's own, for a debugger.
JOBS ?= auto
PYTEST := $(BIN)/pytest -n $(JOBS) --maxprocesses 4 --dist worksteal

.DELETE_ON_ERROR:
.PHONY: help demo ui test coverage lint bench kernels ray proofs fuzz simulation billion kills task-kills serve-kills neighbours attack objects azurite coverage-of-intervals oracles archives docs pictures format audit sbom schema-attack site release-build release-check rehearsal alt-test bench-serve citation tutorial clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 28

demo: $(READY)  ## Label 200 real tweets with the local model
	@$(BIN)/rowbatch demo $(ARGS)

ui: $(READY)  ## Open the app: your browser, with the demo's run among its jobs
	@$(BIN)/rowbatch ui $(ARGS)

test: $(READY) $(BROWSER) $(NODE_SDK)  ## Run all tests
	$(PYTEST) $(ARGS)

coverage: $(READY) $(BROWSER) $(NODE_SDK)  ## Run all tests and show which lines they reach (slower)
	$(PYTEST) --cov --cov-report=term $(ARGS)

lint: $(READY)  ## Check format, style, types, the direction of imports, and the docs
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/check.py

format: $(READY)  ## Format the code and put right what can be put right by machine
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# What has cases beyond those of `make test`, or looks for new ones.
WITH_CASES = $(shell grep -rlE --include='test_*.py' '^from (cases|hypothesis) import' tests)

proofs: $(READY) $(BROWSER) fuzz simulation kills  ## Run all long proofs, before a release (about two hours)
	ROWBATCH_ALL_CASES=1 $(PYTEST) $(WITH_CASES)

fuzz: $(READY)  ## Read 10,000 broken tables and result files each, and ask 10,000 odd requests
	$(BIN)/python tests/fuzz_inputs.py --inputs 10000 $(ARGS)
	$(BIN)/python tests/fuzz_http.py --requests 10000 $(ARGS)

simulation: $(READY)  ## Drive 2,000 runs through faults and crashes in simulated time
	$(BIN)/python tests/simulation.py --seeds 2000 $(ARGS)

billion: $(READY)  ## Drive a billion rows in 20,000 batches against a provider's limits, in simulated time
	$(BIN)/python tests/billion.py $(ARGS)

kills: $(READY)  ## Kill the real program 1,000 times
	$(BIN)/python tests/kill_runs.py --kills 1000 $(ARGS)

objects: $(READY)  ## Fetch a real store (Ceph's gateway), start it in a folder of its own, and test with it
	ROWBATCH_REAL_STORE=1 $(BIN)/pytest -n 0 tests/objects tests/cli/test_object_storage.py $(ARGS)

azurite: $(READY)  ## Fetch Azurite (Microsoft's emulator of Azure's storage, from npm), and test with it
	ROWBATCH_AZURITE=1 $(BIN)/pytest -n 0 tests/objects $(ARGS)

task-kills: $(READY)  ## Kill what writes the requests of a run: a process every 2 seconds, the program 100 times
	$(BIN)/python tests/task_kills.py $(ARGS)

serve-kills: $(READY)  ## Kill the Batch server in front of another server 200 times
	$(BIN)/python tests/serve_kills.py $(ARGS)

neighbours: $(READY)  ## Install other people's software and run it at the Batch server (needs the internet)
	$(BIN)/python tests/neighbours.py $(ARGS)

attack: $(READY) $(BROWSER)  ## Attack the real program: a second user, a browser, odd requests, strange files (as root)
	$(BIN)/python tests/attack.py $(ARGS)

coverage-of-intervals: $(READY)  ## Count how often the intervals of corrected estimates hold the truth (1,000 tables each, about 20 minutes)
	cd tests && ../$(BIN)/python coverage_of_intervals.py $(ARGS)

# irrCAC wants an old coverage that ppi-python cannot be imported beside, and does without any.
ORACLES := .oracles
oracles:  ## Compute anew, with other packages, the statistics that ours are held to (needs the internet)
	@test -d $(ORACLES) || $(PYTHON) -m venv $(ORACLES)
	@$(ORACLES)/bin/pip install --quiet scikit-learn==1.9.1 statsmodels==0.15.0 krippendorff==0.9.0 ppi-python==0.2.3 irrCAC==0.4.4 pingouin==0.6.1
	@$(ORACLES)/bin/pip uninstall --quiet --yes coverage
	cd tests && ../$(ORACLES)/bin/python statistics_oracles.py
	cd tests && ../$(ORACLES)/bin/python student_oracles.py
	git diff --stat --exit-code tests/core/oracle_values.json tests/core/student/oracle_student.json

ALT_TEST := .oracle-of-alt-test
ALT_TEST_AT := 18428b1f4f34ac61c4978bc180263b90111e7337
alt-test: $(READY)  ## Hold the alternative annotator test to the 52 verdicts that its authors published (needs the internet)
	@test -d $(ALT_TEST) || git clone --quiet --filter=blob:none --no-checkout https://github.com/nitaytech/AltTest $(ALT_TEST)
	@git -C $(ALT_TEST) checkout --quiet $(ALT_TEST_AT) -- alt_test_example.ipynb ':(glob)data/*/*_annotations.json'
	$(BIN)/python tests/alt_test_oracle.py $(ALT_TEST)

citation: $(UV)  ## Hold CITATION.cff to its schema (needs the internet)
	@$(UV) tool run --quiet --from cffconvert==2.0.0 cffconvert --validate -i CITATION.cff

tutorial: $(READY)  ## Run the tutorial notebook with the local model, and keep what its cells show
	$(BIN)/python docs/tutorial_notebook.py

docs: $(READY)  ## Write the generated pages of the docs anew
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/messages.py

pictures: $(READY) $(BROWSER)  ## Take the pictures of the app anew, out of the demo's run
	$(BIN)/python docs/pictures.py $(ARGS)

# From 0.0.74 on it needs a second package of its own, zensical-ui.
ZENSICAL := .venv-site/zensical-0.0.73
site: $(READY) $(ZENSICAL)  ## Build the site of the docs in build/site/site, and check its links (needs the internet once)
	$(BIN)/python docs/build_site.py .venv-site/bin/zensical $(ARGS)

$(ZENSICAL): $(UV)
	@rm -rf .venv-site
	@$(UV) venv --quiet --python "$$(command -v $(PYTHON))" .venv-site
	@$(UV) pip install --quiet --python .venv-site/bin/python $(@F:zensical-%=zensical==%) pymdown-extensions==13.1.2
	@touch $@

ARCHIVE_ORACLES := .oracles-of-archives
archives: $(READY)  ## Hold archives to the validators of RO-Crate and Frictionless (needs the internet)
	@test -d $(ARCHIVE_ORACLES) || $(PYTHON) -m venv $(ARCHIVE_ORACLES)
	@$(ARCHIVE_ORACLES)/bin/pip install --quiet roc-validator==0.13.0 rocrate==0.16.0 frictionless==5.21.0
	@place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	  PYTHONPATH=tests $(BIN)/python tests/archive_oracles.py --make "$$place" && \
	  $(ARCHIVE_ORACLES)/bin/python tests/archive_oracles.py "$$place"

schema-attack: $(READY)  ## Have Schemathesis ask the Batch server whatever its description allows (needs the internet)
	@test -d .venv-schemathesis || $(PYTHON) -m venv .venv-schemathesis
	@.venv-schemathesis/bin/pip install --quiet schemathesis==4.32.5
	$(BIN)/python tests/schema_attack.py .venv-schemathesis/bin/schemathesis $(ARGS)

bench: $(READY)  ## Measure the speed
	@$(UV) sync --quiet --frozen --all-extras --no-extra ray --group bench --python "$$(command -v $(PYTHON))"
	@set -e; for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file" $(ARGS); done

bench-serve: $(READY)  ## Measure the Batch server beside a bare client and saturate, against what is wanted of it
	$(BIN)/python benchmarks/bench_serve.py $(ARGS)

# Ray is 240 MB, and nobody needs it who has one computer: it has an environment of its own.
RAY_READY := .venv-ray/.ready

ray: $(RAY_READY)  ## Run the tests of the Ray runner, with Ray installed in .venv-ray/
	ROWBATCH_RAY_REQUIRED=1 .venv-ray/bin/pytest tests/tasks/test_ray_runner.py $(ARGS)

$(RAY_READY): $(UV) pyproject.toml uv.lock
	@echo "Setting up .venv-ray/ (the first time: about 400 MB to fetch) ..."
	@UV_PROJECT_ENVIRONMENT=.venv-ray $(UV) sync --quiet --frozen --extra ray --python "$$(command -v $(PYTHON))"
	@touch $@

kernels: $(UV)  ## Compile the kernels (C to WebAssembly) anew, and show whether other bytes come out
	@$(UV) run --quiet --no-project --python "$$(command -v $(PYTHON))" --with ziglang==0.17.1 python src/rowbatch/kernels/build.py
	git diff --stat src/rowbatch/kernels/kernels.wasm

RELEASE_TOOLS := .venv-release/.ready
audit: $(READY)  ## Ask the public list of advisories about everything in uv.lock (needs the internet)
	$(UV) audit --frozen $(ARGS)

sbom: $(READY) $(RELEASE_TOOLS)  ## Write what rowbatch pulls in, with licences, as CycloneDX, and hold it to its schema
	$(BIN)/python docs/dependencies.py --sbom dist/rowbatch.cdx.json
	.venv-release/bin/python tests/sbom_check.py dist/rowbatch.cdx.json

release-build: $(READY) $(RELEASE_TOOLS)  ## Build wheel and source archive twice into dist/, compare and check them, and the release's recipe
	$(BIN)/python tests/release_check.py --uv $(UV) --build-only
	.venv-release/bin/twine check --strict dist/*.whl dist/*.tar.gz
	.venv-release/bin/check-wheel-contents dist/*.whl
	.venv-release/bin/zizmor --quiet --offline .github/workflows

release-check: release-build  ## The same, and try the wheel in an empty environment of each Python that is here
	$(BIN)/python tests/release_check.py --uv $(UV) --wheel dist/*.whl $(ARGS)

rehearsal: $(READY)  ## Do every step of the release's workflow that needs nobody else, in a clone made ready for it
	$(BIN)/python tests/rehearse_release.py $(ARGS)

# Without readme-renderer's extra, twine takes any README for one that can be shown.
$(RELEASE_TOOLS): $(UV)
	@$(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv-release
	@$(UV) pip install --quiet --python .venv-release/bin/python twine==7.0.0 check-wheel-contents==0.6.3 zizmor==1.32.0 \
	  'readme-renderer[md]==46.0' cyclonedx-python-lib==11.12.0 jsonschema==4.26.0
	@touch $@

clean:  ## Remove everything that make has made
	rm -rf .venv .venv-ray .venv-site .venv-release .neighbours .tools .oracles .oracles-of-archives $(ALT_TEST) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find src tests docs benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +

$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "error: there is no $(PYTHON) here; rowbatch needs Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1); rowbatch needs Python 3.11 or newer" >&2; \
	  echo " hint: name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	  echo "error: $(PYTHON) has no pip" >&2; \
	  echo " hint: on Debian and Ubuntu: sudo apt install python3-pip" >&2; exit 1; }
	@echo "Fetching uv $(UV_VERSION) into .tools/ ..."
	@# PIP_USER=0: a "user = true" in somebody's pip.conf does not go with --target.
	@PIP_USER=0 $(PYTHON) -m pip install --quiet --upgrade --target $(@D:/bin=) uv==$(UV_VERSION)
	@touch $@

$(READY): $(UV) pyproject.toml uv.lock
	@echo "Setting up .venv/ (the first time: about 300 MB to fetch) ..."
	@$(UV) sync --quiet --frozen --all-extras --no-extra ray --python "$$(command -v $(PYTHON))"
	@touch $@

# The tests of the web app look at it in a real browser: the one that is here, Debian's, or Playwright's own.
$(BROWSER): $(READY)
	@if [ -n "$$CHROMIUM" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || command -v google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then \
	  echo "Fetching Chromium for the browser tests ..."; \
	  become=; [ "$$(id -u)" = 0 ] || become=sudo; \
	  $$become apt-get update -qq && \
	  $$become env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
	  $(BIN)/playwright install chromium || echo "no browser: the tests that need one are left out" >&2; \
	fi
	@touch $@

# OpenAI's SDK for Node, where npm is: a test has it make every call of the Batch server.
$(NODE_SDK):
	@mkdir -p $(@D)
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
	  npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(@D) openai@7.59.0 \
	    || echo "no SDK for Node: its test is left out" >&2; \
	fi
	@touch $@
