"""The figures as tables of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fastnn.bench.timing import spread

Figures = Mapping[str, Any]

# On a quiet machine few cases have turns so far apart, the slowest over the fastest, even with --quick.
WIDE = 1.5
FEW = 0.1


class Section(NamedTuple):
    """A table: its head, and how a case becomes a line."""

    head: tuple[str, ...]
    cells: Callable[[Figures], tuple[str, ...]]

    def lines(self, figures: Figures | None = None) -> str:
        """Return the line of a case, or the head."""
        first, *others = self.head if figures is None else self.cells(figures)
        return f"{first:<24}" + "".join(f"{cell:>24}" for cell in others)


def nanoseconds(figures: Mapping[str, float]) -> str:
    """Return the time of a call in microseconds, with its spread."""
    return spread({name: figure / 1000 for name, figure in figures.items()})


def percent(figures: Mapping[str, float]) -> str:
    """Return a fraction in per cent, with its spread."""
    low, middle, high = (f"{100 * figures[name]:.0f}" for name in ("min", "median", "max"))
    return f"{middle}% ({low}..{high})"


def of_peak(figures: Mapping[str, float]) -> str:
    """Return a fraction of the peak in per cent; no turn can have more than 100, but for noise."""
    return percent(figures) + (", noise" if round(figures["max"], 2) > 1 else "")


def alone(figures: Figures, *cells: str) -> tuple[str, ...]:
    """Return the cells of what is left without an empty call, unless that is noise."""
    return ("noise",) * len(cells) if figures["noise"] else cells


def size(count: int) -> str:
    """Return a number of bytes as people say it: 16 KiB."""
    for unit, factor in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"


SECTIONS = {
    "layers": Section(
        ("Layer with ReLU, rows", "us a call", "GFLOP/s", "of the peak"),
        lambda f: (
            f"{f['n_inputs']}-{f['n_outputs']}, {f['rows']}",
            nanoseconds(f["call_ns"]),
            *alone(f, spread(f["gflops"]), of_peak(f["of_peak"])),
        ),
    ),
    "single": Section(
        ("Layer, one example", "us a call", "weights, GB/s", "of reading as much"),
        lambda f: (
            f"{f['n_inputs']}-{f['n_outputs']}, {size(f['weight_bytes'])}",
            nanoseconds(f["call_ns"]),
            *alone(f, spread(f["weight_gbytes_per_second"]), percent(f["of_read"])),
        ),
    ),
    "activations": Section(
        ("Activation, values", "ns a value", "read and written, GB/s", "reading, GB/s"),
        lambda f: (
            f"{f['activation']}, {f['values']}",
            *alone(f, spread(f["ns_per_value"]), spread(f["gbytes_per_second"])),
            spread(f["read_gbytes_per_second"]),
        ),
    ),
    "networks": Section(
        ("Network, rows", "us a call", "GFLOP/s", "of the peak"),
        lambda f: (
            f"{f['network']}, {f['rows']}",
            nanoseconds(f["call_ns"]),
            spread(f["gflops"]),
            of_peak(f["of_peak"]),
        ),
    ),
    "batches": Section(
        ("Network, rows", "us a call", "rows/s"),
        lambda f: (
            f"{f['network']}, {f['rows']}",
            nanoseconds(f["call_ns"]),
            spread(f["rows_per_second"]),
        ),
    ),
    "calls": Section(
        ("One example", "us a call", "np.add of 2 + 2", "call / np.add"),
        lambda f: (
            f["network"],
            nanoseconds(f["call_ns"]),
            nanoseconds(f["np_add_ns"]),
            spread(f["of_np_add"]),
        ),
    ),
}


def limit_lines(run: Figures) -> Iterator[str]:
    """Yield what the processor can do."""
    limits = run["limits"]
    peak = spread(limits["gflops"])
    yield f"{run['isa']}, {run['dtype']}: multiply-adds in registers, the peak: {peak} GFLOP/s"
    reads = (f"{size(r['bytes'])} {spread(r['gbytes_per_second'])}" for r in limits["read"])
    yield f"reading, GB/s: {'; '.join(reads)}"


def noise_lines(runs: Iterable[Figures]) -> Iterator[str]:
    """Yield a warning if the turns of many cases were far apart."""
    calls = [figures["call_ns"] for run in runs for section in SECTIONS for figures in run[section]]
    wide = sum(call["max"] > WIDE * call["min"] for call in calls)
    if wide > FEW * len(calls):
        yield (
            f"Noise: in {wide} of {len(calls)} cases the slowest turn took over {WIDE} times as long as the "
            "fastest. Something else is running; measure again without it."
        )
