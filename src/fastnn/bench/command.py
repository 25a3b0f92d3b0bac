"""``fastnn bench``: what it is asked for, the run, and where the figures go."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm import tqdm

import fastnn
from fastnn.arguments import target
from fastnn.bench import files, timing
from fastnn.bench.kernels import FULL, QUICK, Job, Runner, Turns
from fastnn.bench.limits import limits
from fastnn.bench.report import SECTIONS, limit_lines, noise_lines

DTYPES = ("float32", "float64")
MATPLOTLIB_MISSING = "needs matplotlib: pip install matplotlib"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    isas = fastnn.available_isas()
    parser.add_argument(
        "--isa",
        nargs="+",
        choices=isas,
        default=[fastnn.isa()],
        help=f"one or more (default: {fastnn.isa()})",
    )
    parser.add_argument(
        "--dtype", nargs="+", choices=DTYPES, default=["float32"], help="one or both (default: float32)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a rough figure of all but what takes long, in seconds"
    )
    parser.add_argument(
        "--threads",
        type=thread_number,
        default=1,
        metavar="N",
        help="of networks and batches, on as many processors (default: 1)",
    )
    parser.add_argument("--json", type=target, metavar="PATH", help="write everything there too")
    parser.add_argument(
        "--plot", type=plot_target, metavar="PATH.png", help="draw a roofline and the batch sizes"
    )


def thread_number(text: str) -> int:
    """Return a number of threads that this process has processors for."""
    most = timing.available_processors()
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text} isn't a number from 1 to {most}, the processors there are")
    return int(text)


def plot_target(text: str) -> Path:
    """Return the path of a PNG that can be drawn and written."""
    path = files.picture_target(text)
    if not find_spec("matplotlib"):
        raise argparse.ArgumentTypeError(MATPLOTLIB_MISSING)
    return path


def run(options: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for."""
    turns = QUICK if options.quick else FULL
    write(options, measure(options.isa, options.dtype, options.threads, turns))


def write(options: argparse.Namespace, report: dict[str, Any]) -> None:
    """Write the report as JSON, and draw it, where the options say."""
    if options.json:
        files.write_json(options.json, report)
    if options.plot:
        from fastnn.bench.plot import png  # matplotlib is optional

        files.write(options.plot, png(report))


def measure(isas: Iterable[str], dtypes: Iterable[str], threads: int, turns: Turns) -> dict[str, Any]:
    """Measure every case for each instruction set and dtype, print the tables, and return the report."""
    with timing.processors(threads) as where:
        machine = {**timing.machine(), "threads": where}
        print(f"fastnn {machine['fastnn']}, Python {machine['python']}, NumPy {machine['numpy']},")
        print(f"{machine['cpu']}, {where}")
        print(
            f"Median (lowest..highest) of {turns.rounds} turns; fractions are taken within each turn.\n"
            "A fraction of the peak above 100% is noise: something else was running. So is what\n"
            "an empty call leaves of a case's time where that is less than a tenth.",
            flush=True,
        )
        runs = [measure_one(isa, dtype, threads, turns) for isa in isas for dtype in dtypes]
        for line in noise_lines(runs):
            print(f"\n{line}")
    return {"machine": machine, "rounds": turns.rounds, "turn_seconds": turns.seconds, "runs": runs}


def measure_one(isa: str, dtype: str, threads: int, turns: Turns) -> dict[str, Any]:
    """Measure every case for one instruction set and dtype, and print its tables."""
    with limits(isa, dtype, threads) as probes:
        runner = Runner(isa, dtype, probes, turns)
        result: dict[str, Any] = {"isa": isa, "dtype": dtype, "limits": runner.limit_figures()}
        print("", *limit_lines(result), sep="\n")
        fastest = result["limits"]["gflops"]["median"] * 1e9
        jobs = list(runner.jobs())
        result |= {section: [] for section in SECTIONS}
        result["left_out"] = [job.name for job in jobs if job.flop > turns.longest * fastest]
        with tqdm(jobs, f"{isa} {dtype}", leave=False, disable=None) as progress:
            for job in progress:
                if job.name in result["left_out"]:
                    continue
                add(result[job.section], job)
    if result["left_out"]:
        print(f"\nLeft out, for they would take too long: {'; '.join(result['left_out'])}")
    return result


def add(found: list[dict[str, Any]], job: Job) -> None:
    """Measure a case, add its figures, and print its line."""
    section = SECTIONS[job.section]
    if not found:
        tqdm.write("\n" + section.lines())
    found.append(job.run())
    tqdm.write(section.lines(found[-1]))
