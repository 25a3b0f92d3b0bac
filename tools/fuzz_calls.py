"""Bytes that atheris chooses become arguments of public functions: `tools/fuzz_calls.py -max_total_time=600`.

The functions, the arguments and what must hold are those of tests/hostile/test_bad_input.py. atheris watches
which lines of fastnn's Python run, and goes on from bytes that reached new ones. Options are libFuzzer's.
"""

from __future__ import annotations

import os
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
        self.calls = 0

    def __call__(self, data: bytes) -> None:
        """Make a call of these bytes."""
        used = test_any_function.hypothesis.fuzz_one_input(data)
        self.calls += used is not None
        if used is not None and self.calls % 1000 == 0:
            print(f"{self.calls} calls", flush=True)


def main(options: list[str]) -> None:
    """Try bytes until there are no more runs, or something doesn't hold."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        seeds = Path(folder, "seeds")
        seeds.mkdir()
        for i in range(SEEDS):
            Path(seeds, str(i)).write_bytes(os.urandom(BYTES))
        atheris.Setup(
            ["fuzz_calls", f"-max_len={2 * BYTES}", "-len_control=0", *options, str(seeds)], Target()
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
