"""Run tests on a build that watches itself: `python tools/sanitize.py asan|tsan|valgrind [for pytest]`.

The extension modules are built again under build/<tool>; valgrind takes the usual ones. Python and NumPy are
the usual ones too, which the tools don't see into, so only what fastnn's own modules do counts: an error with
one of them in its stack, a leak of memory that one of them allocated. docs/reliability.md says what each tool
can and can't see.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import separate

HERE = separate.HERE
# A frame in one of fastnn's modules, with or without the lines of its source.
OURS = r"__pyx_|/fastnn/_core/|\((?:engine|dispatch|\w+_f(?:32|64))\.c"
# One that is where memory is read or written, itself or by a function of the C library.
TOUCHES = rf"#0 [^\n]*(?:{OURS})|#0 (?:mem\w+|malloc|calloc|free) [^\n]*\n\s+#1 [^\n]*(?:{OURS})"


@dataclass(frozen=True)
class Tool:
    """How to build for a tool, run under it, and what its report of an error begins with."""

    compiler: str
    flags: str  # none: the usual modules
    report: re.Pattern[str]
    needs: str  # packages of Debian
    environment: dict[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    wrapper: tuple[str, ...] = ()
    tests: tuple[str, ...] = ("tests",)
    # What a report that counts has in it.
    ours: str = OURS
    # Tests that can't run under it: why, and which.
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)


LIMITED = ("tests/test_threads.py::test_more_threads_than_can_be_started",)
SMALL_STACK = ("tests/test_threads.py::test_a_thread_of_a_small_stack",)
BUSY_EXIT = ("tests/stress/test_calls.py::test_exit_while_busy",)
THREAD_LIMIT = tuple(
    f"tests/test_threads.py::TestThreadsThatACallStarts::test_environment[5000-{case}-0]"
    for case in ("None-environment11", "2-environment12")
)
FORKS = (
    "tests/test_processes.py::TestFork::test_in_another_thread_than_the_one_that_computed",
    "tests/test_processes.py::TestFork::test_pool",
)
RACES = ("tests/hostile/test_bad_input.py::test_inputs_changed_in_the_middle_cannot_crash",)
GUARD_PAGES = ("tests/test_guard.py::TestGuardPages::test_the_guards_bite",)
MEMORY = (
    "tests/test_processes.py::test_memory_does_not_grow",
    "tests/test_processes.py::test_scratch_is_bounded",
    "tests/test_processes.py::test_scratch_of_shared_rows_is_bounded",
    "tests/hostile/test_leaks.py::test_memory_stays",
)

TOOLS = {
    "asan": Tool(
        compiler="gcc",
        flags="-fsanitize=address,undefined -fno-omit-frame-pointer -O1 -g1",
        report=re.compile(r"ERROR: AddressSanitizer|runtime error:|^(Direct|Indirect) leak of", re.M),
        needs="gcc",
        preload=("libasan.so", "libubsan.so"),
        environment={
            "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1:"
            "log_path={logs}/asan",
            # What Python and NumPy leave behind at their end is reported too, but doesn't count.
            "LSAN_OPTIONS": "exitcode=0:print_suppressions=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:log_path={logs}/ubsan",
            # Every object in memory of its own.
            "PYTHONMALLOC": "malloc",
        },
        left_out={
            "its shadow memory is beyond any limit": LIMITED,
            "its frames outgrow a stack of 64 KiB": SMALL_STACK,
            "calls that are under way at the end hold memory": BUSY_EXIT,
            "it keeps freed memory for a while": MEMORY,
            "it takes the signal of a guard page, and ends with an exit code": GUARD_PAGES,
        },
    ),
    "tsan": Tool(
        compiler="clang",
        flags="-fsanitize=thread -g1 -O1",
        report=re.compile(r"WARNING: ThreadSanitizer|FATAL: ThreadSanitizer", re.M),
        needs="clang libomp-dev gcc",
        # libomp sets up its own locks under other ones than pthread's; whose the memory is doesn't matter.
        ours=rf"\A(?:(?!\n  Location is )[\s\S])*?(?:{TOUCHES})",
        preload=("libtsan.so",),
        wrapper=("setarch", "-R"),  # its shadow memory has a fixed place
        environment={
            # Archer tells it of OpenMP's forks, joins and barriers. It looks for an option that is 1, else it
            # prints advice where tests expect silence; the sanitizer takes the last value.
            "TSAN_OPTIONS": "exitcode=0:log_path={logs}/tsan:"
            "ignore_noninstrumented_modules=1:ignore_noninstrumented_modules=no",
            "OMP_TOOL_LIBRARIES": "{archer}",
        },
        # Those that compute on threads, or from several.
        tests=(
            *("tests/test_threads.py", "tests/test_sharing.py", "tests/test_api.py", "tests/test_golden.py"),
            *("tests/test_bits.py", "tests/test_dispatch.py", "tests/test_fast_math.py"),
            *("tests/test_predict_beside.py", "tests/test_process_state.py", "tests/test_processes.py"),
            *("tests/stress/test_calls.py", "tests/hostile/test_bad_input.py"),
        ),
        left_out={
            "its shadow memory is beyond any limit": LIMITED,
            "its frames are large": SMALL_STACK,
            "its OpenMP is clang's, which prints a warning of this limit": THREAD_LIMIT,
            "it has no threads in a child that is forked beside threads": FORKS,
            "it keeps much memory": MEMORY,
            "another thread writes to the input on purpose": RACES,
        },
    ),
    "valgrind": Tool(
        compiler="gcc",
        flags="",
        report=re.compile(
            r"^==\d+== (?=Invalid|Conditional|Use of|Syscall|Mismatched|Source and|\S+ bytes in)", re.M
        ),
        needs="valgrind",
        wrapper=(
            *("valgrind", "--quiet", "--error-limit=no", "--num-callers=30", "--trace-children=no"),
            *("--leak-check=full", "--show-leak-kinds=definite"),
            "--log-file={logs}/valgrind.%p",
        ),
        environment={"PYTHONMALLOC": "malloc"},
        tests=("tests/test_api.py", "tests/test_losses.py", "tests/test_errors.py"),
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Build, run, and count what counts."""
    if not arguments or arguments[0] not in TOOLS:
        print(__doc__, file=sys.stderr)
        return 2
    name, *pytest_arguments = arguments
    tool = TOOLS[name]
    if any(shutil.which(command) is None for command in (tool.compiler, *tool.wrapper[:1])):
        print(f"needs {tool.needs}: apt-get install {tool.needs}", file=sys.stderr)
        return 1
    folder = HERE / "build" / name
    lib = HERE / "src"
    if tool.flags:
        lib = separate.build(folder, {"CC": tool.compiler, "FASTNN_EXTRA_FLAGS": tool.flags})
    folder.mkdir(parents=True, exist_ok=True)
    # Of this run alone: two may go on at once, with half of the tests each.
    logs = Path(tempfile.mkdtemp(prefix="logs-", dir=folder))
    places = {"logs": logs, "archer": archer() if name == "tsan" else ""}
    settings = {key: value.format(**places) for key, value in tool.environment.items()}
    settings["LD_PRELOAD"] = " ".join(library(file) for file in tool.preload)
    settings["PYTHONPATH"] = os.pathsep.join((str(lib), str(HERE / "tests")))
    environment = os.environ | settings
    check_loaded(tool, lib, environment)
    left_out = [f"--deselect={test}" for tests in tool.left_out.values() for test in tests]
    command = [part.format(logs=logs) for part in tool.wrapper]
    command += [sys.executable, "-m", "pytest", *separate.PYTEST, *left_out]
    chosen = any(argument.startswith("tests") for argument in pytest_arguments)
    command += [*pytest_arguments, *(() if chosen else tool.tests)]
    code = subprocess.run(command, cwd=HERE, env=environment, check=False).returncode
    ours, others = [], 0
    for report in reports(tool, logs):
        if re.search(tool.ours, report):
            ours.append(report)
        else:
            others += 1
    print(*ours, sep="\n\n")
    print(f"{name}: {len(ours)} reports of fastnn, {others} of others; the tests' exit code is {code}")
    for why, tests in tool.left_out.items():
        print(f"left out, since {why}:", *tests)
    return 1 if ours or code else 0


def check_loaded(tool: Tool, lib: Path, environment: dict[str, str]) -> None:
    """End here unless what the tests import is what was built for the tool, which nothing else would show."""
    program = "import fastnn._core.engine as engine; print(engine.__file__)"
    command = [*(tool.wrapper if tool.flags else ()), sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if not done.stdout.startswith(str(lib)):
        sys.exit(f"the tests would load {done.stdout or done.stderr}, not {lib}")


def library(name: str) -> str:
    """Return where gcc's copy of a library is."""
    return str(Path(answer("gcc", f"-print-file-name={name}")).resolve())


def archer() -> str:
    """Return where the tool is by which clang's OpenMP talks to the thread sanitizer."""
    return str(Path(answer("clang", "-print-resource-dir")).resolve().parents[1] / "libarcher.so")


def answer(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def reports(tool: Tool, logs: Path) -> Iterator[str]:
    """Yield each error that the tool wrote down, with its stacks."""
    for log in sorted(logs.iterdir()):
        text = log.read_text(errors="replace")
        starts = [found.start() for found in tool.report.finditer(text)]
        for start, end in pairwise([*starts, len(text)]):
            yield text[start:end]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
