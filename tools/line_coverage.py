"""Which lines the tests run: `python tools/line_coverage.py [Python|Cython|quick]`, by default the first two.

For Cython's the modules are built again under build/coverage, with its tracing, and scalar C runs. Tracing
takes the interpreter lock at every line, also of the kernels, so only tests of small work are run there.
Quick is Python's of what needs no optional package.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import separate
from groups import group

with group("hardening"):
    from coverage import CoverageData

HERE = separate.HERE
FOLDER = HERE / "build" / "coverage"
SOURCES = HERE / "src" / "fastnn"
CORE = SOURCES / "_core"
PYTHON = (f"{SOURCES}/*",)


class Language(NamedTuple):
    """What is measured, how much of it tests must run, and which tests."""

    least: int  # percent
    include: tuple[str, ...]
    tests: tuple[str, ...]
    omit: tuple[str, ...] = ()
    settings: str = ""
    traced: bool = False


# Of what tests start, too. What coverage.py has to say would be in the way of what they expect to read, and
# where no file may grow it has more to say.
OF_CHILDREN = "patch = subprocess\ndisable_warnings = no-sysmon, no-data-collected, module-not-measured"
FULL_DISK = "--deselect=tests/test_files.py::TestSavingFails::test_a_full_disk"
# Within a second of processor time, without measuring.
WITHIN_A_SECOND = "--deselect=tests/models/test_onnx_limits.py::test_more_work_than_the_file_holds"
OPTIONAL = (
    *("bench/labels.py", "bench/plot.py", "dask.py", "formats/chain.py", "formats/keras*.py"),
    *("formats/onnx/*", "formats/onnx_backend.py", "formats/peers.py", "formats/sklearn.py"),
    *("formats/torch.py", "formats/trial.py", "plot/*", "predict/parquet.py"),
)
# Of time and memory, which measuring takes itself, and of kernels' bits.
NOT_OF_LINES = (
    *("accuracy", "bits", "dense", "edge_cases", "fast_math", "guard", "guard_kernels"),
    *("hard_cases", "instructions", "processes", "scaling"),
)


def named(*names: str) -> tuple[str, ...]:
    """Return the files of tests of these names."""
    return tuple(f"tests/test_{name}.py" for name in names)


LANGUAGES = {
    "Python": Language(
        least=95,
        include=PYTHON,
        tests=(
            *("tests", "src/fastnn", "--ignore=tests/browser", "--ignore=tests/stress", FULL_DISK),
            WITHIN_A_SECOND,
            *(f"--ignore={file}" for file in (*named(*NOT_OF_LINES), "tests/hostile/test_leaks.py")),
        ),
        settings=OF_CHILDREN,
    ),
    "Cython": Language(
        least=90,
        include=(f"{CORE}/*.pyx", f"{CORE}/*.pxi", f"{CORE}/kernels/*.pxi"),
        tests=named("api", "errors", "dispatch", "losses", "probes", "process_state"),
        settings="plugins = traced_lines\ndisable_warnings = no-sysmon",
        traced=True,
    ),
    "quick": Language(
        least=95,
        include=PYTHON,
        tests=(
            *named("activations", "api", "atomic_save", "bench", "cli", "dispatch", "errors", "files"),
            *named("golden_vectors", "inputs", "losses", "models", "page", "predict", "predict_beside"),
            *named("predict_faults", "reference", "show", "state_dicts", "stream", "streaming", "threads"),
            *("src/fastnn", FULL_DISK),
        ),
        omit=tuple(f"{SOURCES}/{name}" for name in OPTIONAL),
        settings=OF_CHILDREN,
    ),
}
CONFIGURATION = """
[run]
parallel = true
include =
    {include}
omit =
    {omit}
data_file = {data}
{settings}

[report]
# Cython takes the heads of its functions for lines, and never runs them. Types are for who reads them.
exclude_lines =
    ^cdef .*\\($
    ^ *cdef .*noexcept nogil:$
    ^if TYPE_CHECKING:$
"""


def main(names: Sequence[str]) -> int:
    """Measure and report; return 0 if tests pass and run enough lines."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return max([measure(name, LANGUAGES[name]) for name in names or ("Python", "Cython")])


def measure(name: str, language: Language) -> int:
    """Run a language's tests, and print how many of its lines they ran."""
    data = FOLDER / f"{name}.data"
    settings = FOLDER / f"{name}.ini"
    include, omit = ("\n    ".join(paths) for paths in (language.include, language.omit))
    settings.write_text(
        CONFIGURATION.format(include=include, omit=omit, data=data, settings=language.settings)
    )
    for older in FOLDER.glob(f"{data.name}*"):
        older.unlink()
    environment = os.environ | traced() if language.traced else os.environ
    coverage = [sys.executable, "-m", "coverage"]
    rcfile = f"--rcfile={settings}"
    pytest = ["-m", "pytest", "-q", *separate.PYTEST, *language.tests]
    code = run([*coverage, "run", rcfile, *pytest], environment)
    code |= run([*coverage, "combine", "-q", rcfile], environment)
    if language.traced:
        name_tracer(data)
    print(f"{name}, at least {language.least} %:", flush=True)
    report = [*coverage, "report", rcfile, "--skip-covered", f"--fail-under={language.least}"]
    return code | run(report, environment)


def traced() -> dict[str, str]:
    """Build with tracing; return how to run what was built."""
    # Optimising what is traced takes the compiler minutes a module.
    lib = separate.build(FOLDER, {"FASTNN_TRACE_LINES": "1", "FASTNN_EXTRA_FLAGS": "-O0"})
    return {
        "PYTHONPATH": os.pathsep.join(map(str, (lib, HERE / "tools"))),
        "FASTNN_TRACED": str(HERE / "build" / "cython-traced"),
        "FASTNN_ISA": "scalar",
        "COVERAGE_CORE": "ctrace",
    }


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command and return its exit code."""
    return subprocess.run(command, cwd=HERE, env=environment, check=False).returncode


def name_tracer(path: Path) -> None:
    """Say in the data whose Cython's lines are: of a module's first ones coverage.py doesn't know."""
    data = CoverageData(str(path))
    data.read()
    cython = [name for name in data.measured_files() if name.endswith((".pyx", ".pxi"))]
    data.add_file_tracers(dict.fromkeys(cython, "traced_lines.AllFiles"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
