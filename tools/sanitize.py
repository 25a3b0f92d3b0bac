"""Run tests on a build that watches itself: `python tools/sanitize.py asan|ubsan|tsan|valgrind [for pytest]`.

The extension modules are built again under build/<tool>. Python and NumPy are the usual ones, which the tools
don't see into, so only what fastnn's own modules do counts: an error with one of them in its stack, a leak of
memory that one of them allocated. Silence says something only of a tool that has just been heard, so before
the tests it must report faults made on purpose. docs/reliability.md says what each tool can and can't see.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import separate
from sanitizers import CONTROLS, TOOLS, Control, Tool

HERE = separate.HERE
# A browser would run under the tool too, and what its tests are of isn't compiled.
PYTEST = (*separate.PYTEST, "--ignore=tests/browser")


def main(arguments: Sequence[str]) -> int:
    """Build, see that the tool reports faults, run the tests, and count what counts."""
    if not arguments or arguments[0] not in TOOLS:
        print(__doc__, file=sys.stderr)
        return 2
    name, *pytest_arguments = arguments
    tool = TOOLS[name]
    if any(shutil.which(command) is None for command in (tool.compiler, *tool.wrapper[:1])):
        print(f"needs {tool.needs}: apt-get install {tool.needs}", file=sys.stderr)
        return 1
    check_left_out()
    folder = HERE / "build" / name
    settings = {"CC": tool.compiler, "FASTNN_EXTRA_FLAGS": tool.flags, "FASTNN_FAULTS": "1"}
    lib = separate.build(folder, settings)
    for control in CONTROLS:
        if name in control.says:
            check_control(control, name, lib)
    # Of this run alone: two may go on at once, with half of the tests each.
    logs = Path(tempfile.mkdtemp(prefix="logs-", dir=folder))
    left_out = [f"--deselect={test}" for tests in tool.left_out.values() for test in tests]
    chosen = any(argument.startswith("tests") for argument in pytest_arguments)
    tests = [*pytest_arguments, *(() if chosen else ("tests",))]
    results = folder / f"{logs.name}.xml"
    pytest = ["-m", "pytest", *PYTEST, f"--junitxml={results}", *left_out, *tests]
    interrupted = run(tool, lib, logs, *pytest).returncode in (2, 3, 4)
    ours, others = reports(tool, logs)
    print(*ours, sep="\n\n", flush=True)  # a bad access ends the tests
    passed, failed = outcomes(results)
    print(f"{name}: {len(ours)} reports of fastnn, {len(others)} of others; {passed} passed, {failed} failed")
    for why, without in tool.left_out.items():
        print(f"left out, since {why}:", *without)
    return 1 if ours or failed or not passed or interrupted else 0


def outcomes(results: Path) -> tuple[int, int]:
    """Return how many tests passed and failed: a tool may end with an exit code of its own."""
    if not results.exists():
        sys.exit("the tests didn't come to their end")
    suites = ElementTree.parse(results).getroot().iter("testsuite")
    counts = [
        [int(suite.get(kind, 0)) for kind in ("tests", "skipped", "failures", "errors")] for suite in suites
    ]
    tests, skipped, failures, errors = (sum(column) for column in zip(*counts, strict=True))
    return tests - skipped - failures - errors, failures + errors


def check_left_out() -> None:
    """End here unless each test that a tool leaves out is there, and takes no other with it.

    Pytest deselects all whose names begin so, and says nothing if there is none. A file that wants a package
    that isn't here skips itself whole: its tests have no names then.
    """
    left_out = {test for tool in TOOLS.values() for tests in tool.left_out.values() for test in tests}
    files = {test.partition("::")[0] for test in left_out}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *separate.PYTEST, *sorted(files)]
    environment = os.environ | {"PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the tests that are left out can't be collected:\n{done.stdout}{done.stderr}")
    names = [line for line in done.stdout.splitlines() if "::" in line]
    collected = {name.partition("::")[0] for name in names}
    for test in sorted(test for test in left_out if test.partition("::")[0] in collected):
        found = [name for name in names if name.startswith(test)]
        others = [line for line in found if line != test and not line.startswith(f"{test}[")]
        if others or not found:
            sys.exit(f"tools/sanitizers.py leaves out {test}, and so {', '.join(others) or 'no test'}")


def check_control(control: Control, name: str, lib: Path) -> None:
    """End here unless the tool reports this fault as one of fastnn's.

    A build without the tool's flags would not, nor another fastnn than lib's, which has no such module.
    """
    program = f"from fastnn._core import faults\nfor _ in range(9): faults.{control.function}()"
    with tempfile.TemporaryDirectory(prefix="control-", dir=lib.parent) as logs:
        done = run(TOOLS[name], lib, Path(logs), "-c", program, capture_output=True)
        ours, others = reports(TOOLS[name], Path(logs))
    if any(control.says[name] in report for report in ours):
        print(f"{name} sees the {control.kind} of tools/faults.pyx", flush=True)
        return
    print(*ours, *others, done.stderr, sep="\n\n", file=sys.stderr)
    sys.exit(
        f"{name} doesn't report the {control.kind} of {control.function}() in tools/faults.pyx as fastnn's, "
        f"so its silence in tests would mean nothing: {len(ours)} other reports of fastnn, "
        f"{len(others)} of others, exit code {done.returncode}"
    )


def run(
    tool: Tool, lib: Path, logs: Path, *arguments: str, capture_output: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run Python under the tool, which writes to logs, with the fastnn of lib."""
    places = {"logs": logs, "archer": archer() if tool.compiler == "clang" else ""}
    settings = {key: value.format(**places) for key, value in tool.environment.items()}
    settings["LD_PRELOAD"] = " ".join(library(file) for file in tool.preload)
    settings["PYTHONPATH"] = os.pathsep.join((str(lib), str(HERE / "tests")))
    command = [*(part.format(logs=logs) for part in tool.wrapper), sys.executable, *arguments]
    return subprocess.run(
        command, cwd=HERE, env=os.environ | settings, capture_output=capture_output, text=True, check=False
    )


def library(name: str) -> str:
    """Return where gcc's copy of a library is."""
    path = Path(answer("gcc", f"-print-file-name={name}"))
    if not path.is_absolute():
        sys.exit(f"gcc has no {name}")
    return str(path.resolve())


def archer() -> str:
    """Return where the tool is by which clang's OpenMP talks to the thread sanitizer."""
    return str(Path(answer("clang", "-print-resource-dir")).resolve().parents[1] / "libarcher.so")


def answer(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def reports(tool: Tool, logs: Path) -> tuple[list[str], list[str]]:
    """Return the errors that the tool wrote down, with their stacks: fastnn's, and others'."""
    ours: list[str] = []
    others: list[str] = []
    for report in split(tool, logs):
        (ours if re.search(tool.ours, report) else others).append(report)
    return ours, others


def split(tool: Tool, logs: Path) -> Iterator[str]:
    """Yield each error of the tool's files."""
    for log in sorted(logs.iterdir()):
        text = log.read_text(errors="replace")
        starts = [found.start() for found in tool.report.finditer(text)]
        for start, end in pairwise([*starts, len(text)]):
            yield text[start:end]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
