"""Two builds of fastnn, case by case, and how many times as fast the other one is.

Each build runs in a process of its own, both on one processor, and they take turns of a millisecond. What
slows the machine down for longer slows both: the median of the turns' ratios shows a hundredth on a machine
where times vary by a fifth. `python benchmarks/builds.py ../other` compares this checkout's build with that
of another checkout, both built in place (`make test` does that).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tqdm import tqdm

HERE = Path(__file__).resolve().parents[1]
TURN = 1e-3
# What shows whether the turns were fair: bare multiply-adds, the same in both.
PEAK = "multiply-adds alone"
WIDEST = 30


def cases(isa: str | None, dtype: str) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name: layers, and networks at each batch size."""
    from fastnn._core import dispatch
    from fastnn.bench import cases

    isa = isa or dispatch.isa()
    calls: dict[str, Callable[[], object]] = {
        layer.name: cases.layer_call(layer, dtype, isa) for layer in (*cases.LAYERS, *cases.SINGLE_QUICK)
    }
    for net in cases.CURVES:
        for rows in cases.BATCHES:
            x = cases.examples(rows, net.widths[0], dtype)
            calls[f"{net.name}, {rows} rows"] = partial(cases.plan(net, dtype, isa), x, threads=1)
    calls[PEAK] = partial(dispatch.kernels(dtype, isa).multiply_adds, 20_000)
    return calls


def serve(options: argparse.Namespace) -> None:
    """Answer on the processor that the other build has, too."""
    from fastnn.bench import timing

    with timing.pinned(1):
        answer(cases(options.isa, options.dtype))


def answer(calls: Mapping[str, Callable[[], object]]) -> None:
    """Say the cases' names, then the seconds a call for each line with a name's number."""
    print(*calls, sep="\n", end="\n\n", flush=True)
    timed = list(calls.values())
    counts = [0] * len(timed)
    for line in sys.stdin:
        call = timed[int(line)]
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
        counts[int(line)] = counts[int(line)] or max(int(TURN / once), 1)
        start = time.perf_counter()
        for _ in range(counts[int(line)]):
            call()
        print((time.perf_counter() - start) / counts[int(line)], flush=True)


class Build:
    """A checkout's build in a process of its own."""

    def __init__(self, checkout: Path, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", *arguments, str(checkout)],
            env=os.environ | {"PYTHONPATH": str(checkout / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.names = list(self.lines())
        if not self.names:
            raise SystemExit(f"the build in {checkout} doesn't run")

    def lines(self) -> Iterator[str]:
        """Yield the lines up to an empty one, or to the end."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline().strip():
            yield line

    def seconds(self, number: int) -> float:
        """Return the seconds a call of a case."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a build ended at {self.names[number]}")
        return float(line)

    def __enter__(self) -> Build:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()


def compare(builds: Sequence[Build], seconds: float) -> Iterator[str]:
    """Yield a line for each case: the median time of the first build, and the ratios of the turns."""
    for number, name in enumerate(tqdm(builds[0].names, disable=None, leave=False)):
        turns: list[list[float]] = []
        start = time.perf_counter()
        while time.perf_counter() - start < seconds or len(turns) < 3:
            turns.append([build.seconds(number) for build in builds])
        low, middle, high = statistics.quantiles((first / second for first, second in turns), n=4)
        yield (
            f"{name:<{WIDEST}}{statistics.median(first for first, _ in turns) * 1e6:>12.2f}"
            f"{middle:>10.3f}   {low:.3f} to {high:.3f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("other", type=Path, metavar="CHECKOUT", help="the build to compare with this one")
    parser.add_argument("--isa", help="the instruction set (default: the best)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each case (default: 3)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not hasattr(os, "sched_setaffinity"):
        parser.error("needs Linux: elsewhere a process can't be kept on one processor")
    if options.serve:
        serve(options)
        return 0
    if not (options.other / "src" / "fastnn").is_dir():
        raise SystemExit(f"{options.other} is no checkout with a build")
    chosen = ["--dtype", options.dtype, *(["--isa", options.isa] if options.isa else [])]
    with ExitStack() as stack:
        builds = [stack.enter_context(Build(path.resolve(), chosen)) for path in (HERE, options.other)]
        print(f"{'':<{WIDEST}}{'us a call':>12}{'times as fast is the other one, and the middle half':>60}")
        for line in compare(builds, options.seconds):
            tqdm.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
