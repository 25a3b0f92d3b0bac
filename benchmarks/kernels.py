"""The kernels beside the processor's limits, as in `fastnn bench`, and layers against libxsmm's products.

A layer of fastnn adds the bias and applies ReLU, which libxsmm's product doesn't; its output is a new array
each time, libxsmm's always the same. Each is called from Python on arrays that lie ready, in turns. From the
time of either in a turn its own empty call in that turn is taken off, that of a 1 x 1 layer or product: a
layer of 14 rows takes 2 us, and calling costs a tenth of that. The ratio of the whole calls is shown too. A
ratio above 1 says that fastnn is faster.

libxsmm compiles for the best instruction set of the processor, so it is compared with fastnn's best alone.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import fastnn
from fastnn.bench import cases, command, timing
from fastnn.bench.kernels import FULL, GIGA, QUICK, Runner, Turns
from fastnn.bench.limits import limits

if TYPE_CHECKING:
    from benchmarks import libxsmm
else:
    import libxsmm  # a script finds what lies beside it

# With --check: far below what any machine should reach, so that noise doesn't fail and a broken kernel does.
LOWEST = {
    ("layers", "of_peak"): 0.15,
    ("single", "of_read"): 0.15,
    ("networks", "of_peak"): 0.3,
}
HIGHEST_OF_NP_ADD = 4.0
LOWEST_OF_LIBXSMM = 0.4


def product(library: ctypes.CDLL, layer: cases.Layer, dtype: str) -> libxsmm.Product:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((layer.n_outputs, layer.n_inputs)).astype(dtype)
    return libxsmm.Product(library, weight, np.atleast_2d(cases.examples(layer.rows, layer.n_inputs, dtype)))


def compare(library: ctypes.CDLL, runner: Runner, layer: cases.Layer) -> dict[str, Any]:
    """Measure a layer and libxsmm's product in turns."""
    theirs = product(library, layer, runner.dtype)
    if not theirs.is_right():
        raise SystemExit(f"wrong: libxsmm, {layer.name}: is this libxsmm 2?")
    empty = product(library, cases.Layer(1, 1, 1), runner.dtype)
    timings = runner.measure(
        runner.layer_calls(layer) | {"libxsmm": theirs.call, "libxsmm empty": empty.call}
    )
    alone = timings["call"].without(timings["empty"])
    libxsmm_alone = timings["libxsmm"].without(timings["libxsmm empty"])
    return {
        **runner.layer_figures(layer, timings),
        "libxsmm_call_ns": timings["libxsmm"].nanoseconds(),
        "libxsmm_empty_call_ns": timings["libxsmm empty"].nanoseconds(),
        "libxsmm_gflops": libxsmm_alone.rates(layer.flop / GIGA),
        "libxsmm_of_peak": libxsmm_alone.ratios(timings["peak"], layer.flop / runner.peak.amount),
        "ratio": alone.ratios(libxsmm_alone),
        "ratio_of_calls": timings["call"].ratios(timings["libxsmm"]),
    }


def compare_all(library: ctypes.CDLL, dtype: str, turns: Turns) -> dict[str, Any]:
    """Compare every layer, print a line for each, and return the figures with the geometric means."""
    isa = fastnn.available_isas()[0]
    print(f"\n{isa}, {dtype}: layers with bias and ReLU against libxsmm's bare product")
    print(
        f"{'Layer, rows':<20}{'GFLOP/s':>19}{'libxsmm':>19}{'of the peak':>13}{'ratio':>21}{'of calls':>18}"
    )
    found = []
    with timing.processors(1), limits(isa, dtype, 1) as probes:
        runner = Runner(isa, dtype, probes, turns)
        for layer in cases.LAYERS:
            found.append(compare(library, runner, layer))
            print(line(found[-1]), flush=True)
    names = ("ratio", "ratio_of_calls")
    means = {name: statistics.geometric_mean(f[name]["median"] for f in found) for name in names}
    print(f"Geometric means: {means['ratio']:.3f}, of whole calls {means['ratio_of_calls']:.3f}")
    return {"isa": isa, "dtype": dtype, "layers": found, "geometric_means": means}


def line(figures: Mapping[str, Any]) -> str:
    fractions = f"{figures['of_peak']['median']:.0%}, {figures['libxsmm_of_peak']['median']:.0%}"
    return (
        f"{figures['n_inputs']}-{figures['n_outputs']}, {figures['rows']}".ljust(20)
        + f"{timing.spread(figures['gflops']):>19}{timing.spread(figures['libxsmm_gflops']):>19}"
        + f"{fractions:>13}{timing.spread(figures['ratio']):>21}{figures['ratio_of_calls']['median']:>18.2f}"
    )


def failures(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each figure that no working kernel would have."""
    for run in report["runs"]:
        where = f"{run['isa']} {run['dtype']}"
        for (section, figure), lowest in LOWEST.items():
            for figures in run[section]:
                if figures[figure]["median"] < lowest:
                    named = {key: figures[key] for key in ("network", *cases.Layer._fields) if key in figures}
                    yield f"{where}, {named}: {figure} {figures[figure]['median']:.2f}, at least {lowest:g}"
        for figures in run["calls"]:
            if figures["of_np_add"]["median"] > HIGHEST_OF_NP_ADD:
                ratio = figures["of_np_add"]["median"]
                yield f"{where}, one example: {ratio:.2f} times np.add, at most {HIGHEST_OF_NP_ADD:g}"
    for compared in report["libxsmm"]:
        if (mean := compared["geometric_means"]["ratio"]) < LOWEST_OF_LIBXSMM:
            yield f"{compared['dtype']}: {mean:.2f} times libxsmm, at least {LOWEST_OF_LIBXSMM:g}"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the kernels beside the limits, and libxsmm.")
    command.add_arguments(parser)
    parser.add_argument("--libxsmm", metavar="PATH", help="the library (default: the system's, if any)")
    parser.add_argument("--check", action="store_true", help="fail where a ratio says that something broke")
    options = parser.parse_args(argv)
    try:
        options.library = libxsmm.load(options.libxsmm)
    except OSError as error:
        parser.error(f"argument --libxsmm: {error}")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    turns = QUICK if options.quick else FULL
    report = command.measure(options.isa, options.dtype, options.threads, turns)
    report["libxsmm"] = []
    if options.library is None:
        print("\nLeft out: libxsmm, not found (--libxsmm says where it is)")
    else:
        report["libxsmm"] = [compare_all(options.library, dtype, turns) for dtype in options.dtype]
    command.write(options, report)
    found = list(failures(report)) if options.check else []
    for failure in found:
        print(f"too slow: {failure}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
