"""Which lines the tests run, of Python and of Cython: `python tools/line_coverage.py [Python|Cython]`.

For Cython's the modules are built again under build/coverage, with its tracing, and scalar C runs. Tracing
takes the interpreter lock at every line, also of the kernels, so only tests of small work are run there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import separate
from coverage import CoverageData

HERE = separate.HERE
FOLDER = HERE / "build" / "coverage"
SOURCES = HERE / "src" / "fastnn"
CORE = SOURCES / "_core"


class Language(NamedTuple):
    """What is measured, how much of it tests must run, and which tests."""

    name: str
    least: int  # percent
    include: tuple[str, ...]
    plugins: str
    tests: tuple[str, ...]


# The other tests measure time or memory, start programs, which coverage.py doesn't see, or are about kernels.
LANGUAGES = (
    Language(
        "Python",
        95,
        (f"{SOURCES}/*",),
        "",
        (
            *("activations", "api", "atomic_save", "bench", "cli", "comparison", "dispatch", "errors"),
            *("files", "golden_vectors", "inputs", "losses", "models", "page", "predict", "predict_faults"),
            *("process_state", "reference", "sharing", "show", "state_dicts", "streaming", "threads"),
        ),
    ),
    Language(
        "Cython",
        90,
        (f"{CORE}/*.pyx", f"{CORE}/*.pxi", f"{CORE}/kernels/*.pxi"),
        "traced_lines",
        ("api", "errors", "dispatch", "losses", "probes", "process_state"),
    ),
)
CONFIGURATION = """
[run]
plugins = {plugins}
include =
    {include}
data_file = {data}
disable_warnings = no-sysmon

[report]
# Cython takes the heads of its functions for lines, and never runs them.
exclude_lines =
    ^cdef .*\\($
    ^ *cdef .*noexcept nogil:$
"""


def main(names: Sequence[str]) -> int:
    """Measure and report; return 0 if tests pass and run enough lines."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    code = 0
    for language in LANGUAGES:
        if language.name in (names or [language.name]):
            code |= measure(language)
    return code


def measure(language: Language) -> int:
    """Run a language's tests, and print how many of its lines they ran."""
    data = FOLDER / f"{language.name}.data"
    settings = FOLDER / f"{language.name}.ini"
    include = "\n    ".join(language.include)
    settings.write_text(CONFIGURATION.format(plugins=language.plugins, include=include, data=data))
    environment = os.environ | traced() if language.plugins else os.environ
    coverage = [sys.executable, "-m", "coverage"]
    tests = [f"tests/test_{name}.py" for name in language.tests]
    pytest = ["-m", "pytest", "-q", *separate.PYTEST, *tests]
    code = run([*coverage, "run", f"--rcfile={settings}", *pytest], environment)
    if language.plugins:
        name_tracer(data)
    print(f"{language.name}, at least {language.least} %:", flush=True)
    report = [*coverage, "report", f"--rcfile={settings}", "--skip-covered", f"--fail-under={language.least}"]
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
