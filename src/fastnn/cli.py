"""The command line: ``fastnn demo``, ``fastnn bench`` and ``fastnn info``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence

import numpy as np

import fastnn
from fastnn import _build_info, demo, threads
from fastnn._core import dispatch, engine
from fastnn.bench import command as bench

INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="fastnn",
        description="Feed-forward neural networks on CPUs: fast, small, the same bits everywhere.",
    )
    parser.add_argument("--version", action="version", version=f"fastnn {fastnn.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    shown = commands.add_parser("demo", help="a worked example, then handwritten digits, timed side by side")
    shown.set_defaults(run=lambda _: demo.run())
    shown = commands.add_parser(
        "bench",
        help="how fast the kernels are, beside what this processor can do",
        description="Measure layers, activations, networks and batch sizes in turns with bare multiply-adds "
        "and bare reading: half a minute for each instruction set and dtype.",
    )
    bench.add_arguments(shown)
    shown.set_defaults(run=bench.run)
    shown = commands.add_parser("info", help="version, instruction sets, threads, how it was built")
    shown.set_defaults(run=lambda _: info())
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output wants no more: `fastnn bench | head`. Python would try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def info() -> None:
    """Print what runs here, and why."""
    rows = {
        "fastnn": fastnn.__version__,
        "Python": f"{platform.python_version()}, NumPy {np.__version__}, {platform.platform()}",
        "instruction set": f"{fastnn.isa()} ({dispatch.REASON})",
        "available": ", ".join(fastnn.available_isas()),
        "built": ", ".join(_build_info.ISAS),
        "threads": f"{fastnn.get_num_threads()} ({threads.source()})",
        "OpenMP": openmp(),
        "compiler": _build_info.COMPILER,
        "flags": _build_info.FLAGS,
        f"flags of {fastnn.isa()}": _build_info.ISA_FLAGS[fastnn.isa()] or "none",
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def openmp() -> str:
    """Return what OpenMP adds to the number of threads."""
    if not _build_info.OPENMP:
        return "no: this build uses one thread"
    return f"yes, allows {engine.openmp_threads()} (OMP_NUM_THREADS, threadpoolctl)"
