"""Bytes that atheris chooses become arguments of public functions: `tools/fuzz_calls.py -max_total_time=600`.

The functions, the arguments and what must hold are those of tests/hostile/test_bad_input.py. atheris watches
which lines of fastnn's Python run, and goes on from bytes that reached new ones. Options are libFuzzer's.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from groups import group

with group("fuzz"):
    import atheris

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "hostile")]

with atheris.instrument_imports(include=["fastnn"]):
    test_any_function = import_module("test_bad_input").test_any_function

# A few bytes are too few to draw arguments from, so it begins with many.
SEEDS, BYTES = 100, 2000


class Target:
    """Makes calls of bytes, and counts those that were enough for one."""

    def __init__(self) -> None:
        self.calls = multiprocessing.RawValue("L", 0)  # in memory that processes share

    def __call__(self, data: bytes) -> None:
        """Make a call of these bytes."""
        if test_any_function.hypothesis.fuzz_one_input(data) is None:
            return
        self.calls.value += 1
        if self.calls.value % 1000 == 0:
            print(f"{self.calls.value} calls", flush=True)


def fuzz(target: Target, folder: Path, options: list[str]) -> None:
    """Try bytes until there are no more runs, or something doesn't hold; this ends the process."""
    found = f"-artifact_prefix={os.getcwd()}/"
    os.chdir(folder)
    seeds = Path(folder, "seeds")
    seeds.mkdir()
    for i in range(SEEDS):
        Path(seeds, str(i)).write_bytes(os.urandom(BYTES))
    defaults = [f"-max_len={2 * BYTES}", "-len_control=0", found]
    atheris.Setup(["fuzz_calls", *defaults, *options, str(seeds)], target)
    atheris.Fuzz()


def main(options: list[str]) -> int:
    """Fuzz in a child, as libFuzzer's end is the process's; return 0 if calls were made, and all held."""
    target = Target()
    with tempfile.TemporaryDirectory() as folder:
        arguments = (target, Path(folder), options)
        child = multiprocessing.get_context("fork").Process(target=fuzz, args=arguments, daemon=True)
        child.start()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends the child, too
        child.join()
    print(f"{target.calls.value} calls")
    return 0 if target.calls.value and child.exitcode == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
