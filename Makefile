# Each target makes .venv itself: the interpreter is PYTHON (3.11 or newer), the compiler CC. An existing .venv
# keeps its interpreter: `make clean` first to change it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := setup.py pyproject.toml MANIFEST.in tools/generate.py src/fastnn/_core/activation_table.py \
	$(shell find src -name '*.py[xi]*' -o -name '*.h' -o -name '*.px[id]')
INSTALLED := $(VENV)/.installed
RESULT = benchmarks/results/$(shell $(BIN)/python -c 'import fastnn; print(fastnn.__version__)')

# What makes releases, by its hashes.
RELEASE = .github/requirements-release.txt

# Tests that change nothing that all threads of the process share.
PARALLEL = tests/test_api.py tests/test_sharing.py tests/test_golden.py tests/test_losses.py tests/test_bits.py

# Of what the tests need, an older wheel rather than newer sources.
export PIP_PREFER_BINARY = 1

# How long the soak and the fuzzer go on.
SECONDS = 600

FAST_ISAS = $(shell $(BIN)/python -c 'import fastnn; print(*set(fastnn.available_isas()) - {"sse2", "scalar"})')

.PHONY: demo test test-models test-browser onnx-cases fuzz exhaustive neon emulate-x86 without-openmp
.PHONY: asan ubsan tsan valgrind stress fuzz-calls parallel soak coverage workflows lint lint-compilers bench docs wheel
.PHONY: oldest clean release-requirements

demo: $(INSTALLED)
	$(BIN)/fastnn demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

# Beside every library whose models fastnn reads; the packages are large.
test-models: $(VENV)/.models
	FASTNN_REQUIRE_ALL=1 $(BIN)/python -m pytest tests/models

# ONNX's own cases: how many are in scope and pass, and why the others aren't.
onnx-cases: $(VENV)/.models
	$(BIN)/python tests/models/onnx_cases.py

# 10^5 damaged and hostile files of each format: half an hour.
fuzz: $(VENV)/.models
	$(BIN)/python tests/models/fuzz.py native torch-safetensors keras onnx --cases 100000

# The pages of `fastnn show` and of the docs in a headless Chromium (Debian: chromium, chromium-driver).
test-browser: $(VENV)/.browser docs
	FASTNN_REQUIRE_ALL=1 $(BIN)/python -m pytest tests/browser

# Every float32 through every function on every instruction set: see docs/numerics.md, which it writes to.
exhaustive: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python tests/exhaustive/run.py --write docs/numerics.md

# The same bits on NEON: cross-built for aarch64 and run by an emulator (Debian; it says what it needs).
neon: $(INSTALLED)
	$(BIN)/python tools/aarch64.py tests/golden.py

# Processors without AVX2 and without AVX-512, by emulation (needs qemu-user): QUICK=--quick takes minutes.
emulate-x86: $(INSTALLED)
	$(BIN)/python tools/emulate_x86.py $(QUICK)

# With a compiler that has no OpenMP: one thread, the same results.
without-openmp: $(INSTALLED)
	$(BIN)/python tools/without_openmp.py $(TESTS)

# The modules built again under each tool, and the tests with it: TESTS= for fewer of them, PART=2/6 for the
# second of six parts.
asan ubsan tsan valgrind: $(if $(PART),$(VENV)/.hardening,$(INSTALLED))
	$(BIN)/python tools/sanitize.py $@ $(if $(PART),--splitting-algorithm=least_duration \
		--group=$(word 1,$(subst /, ,$(PART))) --splits=$(word 2,$(subst /, ,$(PART)))) $(TESTS)

# What the tests do a little of, at length: threads, forks, hostile input, leaks. A quarter of an hour.
stress: $(INSTALLED)
	FASTNN_STRESS_CALLS=100000 FASTNN_LEAK_CALLS=1000000 FASTNN_HOSTILE_EXAMPLES=500 \
		$(BIN)/python -m pytest tests/stress tests/hostile

# Arguments from a fuzzer that watches which lines run (Linux, where atheris has a wheel).
fuzz-calls: $(VENV)/.fuzz
	$(BIN)/python tools/fuzz_calls.py -max_total_time=$(SECONDS)

# Each test on eight threads at once; left out are those that are about the process, which all threads share.
parallel: $(VENV)/.hardening
	$(BIN)/python -m pytest --parallel-threads=8 $(PARALLEL)

soak: $(INSTALLED)
	$(BIN)/python -W ignore::DeprecationWarning tools/soak.py --seconds $(SECONDS)

# Lines that the tests run, of Python and of Cython: QUICK=quick is of Python's that need no optional package.
coverage: $(VENV)/.hardening $(if $(QUICK),,$(VENV)/.models)
	$(BIN)/python tools/line_coverage.py $(QUICK)

# The workflows of .github and what keeps their actions new, without a look at the network, and whether cibuildwheel
# knows each wheel that a release wants.
workflows: $(VENV)/.hardening build/release/bin/cibuildwheel
	$(BIN)/zizmor --offline .github
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/python tools/release_matrix.py build/release/bin/cibuildwheel

# What makes releases, by hashes: the newest versions that are a week old (needs uv).
release-requirements:
	uv pip compile -q --upgrade --exclude-newer "1 week" --universal --python-version 3.11 --only-binary :all: \
		--emit-build-options --generate-hashes --no-header --group release -o $(RELEASE)

build/release/bin/cibuildwheel: $(RELEASE) $(VENV)/.hardening
	$(BIN)/python -m venv --clear build/release
	build/release/bin/python -m pip install -q --require-hashes -r $(RELEASE)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src tools

# Both compilers build without a warning; the objects are thrown away.
lint-compilers: $(VENV)/.lint
	@for cc in gcc clang; do \
		echo "building with $$cc, warnings are errors"; \
		CC=$$cc FASTNN_WERROR=1 $(BIN)/python setup.py -q build_ext --force -j2 \
			--build-lib build/$$cc/lib --build-temp build/$$cc/temp > build/$$cc.log 2>&1 \
			|| { tail -40 build/$$cc.log; exit 1; }; \
	done

# Wants a machine with nothing else to do, and a quarter of an hour. LIBXSMM=path compares layers with that library.
bench: $(VENV)/.bench
	@mkdir -p docs/images
	$(BIN)/python benchmarks/reference.py --json $(RESULT)-reference.json
	$(BIN)/python benchmarks/kernels.py --json $(RESULT)-kernels.json --plot docs/images/kernels.png \
		$(if $(LIBXSMM),--libxsmm $(LIBXSMM))
	$(BIN)/fastnn bench --isa $(FAST_ISAS) --dtype float32 float64 --json $(RESULT)-isas.json
	$(BIN)/python benchmarks/peers.py --threads 1 --json $(RESULT)-peers-1.json
	$(BIN)/python benchmarks/peers.py --threads 2 --json $(RESULT)-peers-2.json
	$(BIN)/python benchmarks/numerics.py --json $(RESULT)-numerics.json --write docs/numerics.md
	$(BIN)/python benchmarks/edge_cases.py --write docs/numerics.md
	$(BIN)/python benchmarks/plot_peers.py $(RESULT)-peers-1.json --to docs/images/peers-1.svg
	$(BIN)/python benchmarks/plot_peers.py $(RESULT)-peers-2.json --to docs/images/peers-2.svg

# The examples run first, then the pages are made; a warning is an error.
docs: $(VENV)/.docs
	$(BIN)/sphinx-build -q -W -n -b doctest docs build/docs/doctest
	$(BIN)/sphinx-build -q -W -n -E -b html docs build/docs/html
	@echo "build/docs/html/index.html"

# For each CPython found here, repaired, checked, and tested as installed: TESTS= for fewer tests.
wheel: $(VENV)/.hardening
	$(BIN)/python tools/wheels.py $(TESTS)

# Beside the oldest Python, NumPy and so on that pyproject.toml allows: TESTS= for fewer tests.
oldest: $(VENV)/.hardening
	$(BIN)/python tools/oldest.py $(TESTS)

clean:
	rm -rf build dist $(VENV) src/*.egg-info
	find src -name '*.so' -delete

$(BIN)/python:
	@$(PYTHON) tools/check_machine.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

# An editable install, with the tests' requirements; again whenever a source that is compiled changes.
$(INSTALLED): $(BIN)/python $(SOURCES)
	@$(BIN)/python tools/check_machine.py
	$(BIN)/python -m pip install -q $(addprefix --group=,$(shell $(BIN)/python tools/groups.py)) \
		"setuptools>=77" "Cython>=3.1" "numpy>=2"
	$(BIN)/python -m pip install -q --no-build-isolation --editable .
	@touch $@

$(VENV)/.lint: $(INSTALLED) pyproject.toml
	$(BIN)/python -m pip install -q --group lint --group dev
	@mkdir -p build && touch $@

# What else is needed, for each a dependency group of its name.
$(addprefix $(VENV)/.,bench browser docs fuzz hardening models): $(VENV)/.%: $(INSTALLED) pyproject.toml
	$(BIN)/python -m pip install -q --group $*
	@touch $@
