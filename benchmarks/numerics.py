"""fastnn's numbers beside those of NumPy, SciPy, PyTorch and ONNX Runtime: how exact, and how constant.

First everyone's functions on the same inputs, against exact values (`ulps.py`): every so many of all float32,
rows of 1 to 4096 at scales from 0.1 to 100, and rows that one number dominates. Then one row of each network,
at some place in batches of many sizes, with one thread and with two: how many different results it has, bit
for bit. `library_functions.py` and `contenders.py` say how everyone is called.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from fastnn.arguments import target
from fastnn.bench import files, timing
from fastnn.cli import INTERRUPTED

if TYPE_CHECKING:
    from benchmarks import contenders, reference, ulps
    from benchmarks import library_functions as functions
else:
    import contenders
    import library_functions as functions
    import reference
    import ulps

Libraries = Mapping[str, functions.Library]

NETWORKS = ["784-128-10", "24-64-64-4", "479-1024-1024-512-256-1"]
LARGEST_BATCH = 2048
MOST_THREADS = 2

ERRORS_HEAD = """\
The largest error in ULP; of softmax and log_softmax where the result is a normal number. Lost is what is 0
though the exact result is at least the smallest subnormal number, and wrong what is NaN or infinite instead
of a number; both are shares of all results. exp is e^−|z|, which fastnn's functions are made of."""
COUNTS_HEAD = """\
How many different results one row has, bit for bit, in {} batches of 1 to {} rows, each with one thread and
with two (float32):"""


class Effort(NamedTuple):
    """Every so many bit patterns, so many numbers of each kind of rows, so many batches of each network."""

    every: int
    elements: int
    batches: int
    networks: Sequence[str]


FULL = Effort(251, 2**17, 200, NETWORKS)
QUICK = Effort(200_003, 2**9, 12, NETWORKS[:2])


class Accuracy(NamedTuple):
    """How exact everyone's function is."""

    function: str
    dtype: str
    errors: dict[str, ulps.Errors]

    def as_json(self) -> dict[str, object]:
        """Return everything."""
        errors = {name: one._asdict() for name, one in self.errors.items()}
        return {"function": self.function, "dtype": self.dtype, "errors": errors}


class Constancy(NamedTuple):
    """How many different results one row of a network had, with each number of threads and in all."""

    network: str
    counts: dict[str, dict[str, int]]

    def as_json(self) -> dict[str, object]:
        """Return everything."""
        return {
            "network": self.network,
            "activations": reference.NETWORKS[self.network],
            "different_results": self.counts,
        }


def measure_accuracy(libraries: Libraries, effort: Effort) -> Iterator[Accuracy]:
    """Yield the errors of each function in each dtype."""
    everyone = {name: library.functions() for name, library in libraries.items()}
    dtypes = [dtype for dtype in ulps.WIDER if ulps.has_wider(dtype)]
    cells = [(name, dtype) for dtype in dtypes for name in ulps.EXACT]
    for function, dtype in tqdm(cells, "functions", leave=False, disable=None):
        having = {name: one[function] for name, one in everyone.items() if function in one}
        found = dict.fromkeys(having, ulps.Errors())
        by_row = function in functions.ROW_WISE
        for z in ulps.rows(dtype, effort.elements) if by_row else ulps.numbers(dtype, effort.every):
            exact = ulps.EXACT[function](z.astype(ulps.WIDER[dtype]))
            for name, call in having.items():
                found[name] = found[name].joined(ulps.errors(call(z), exact, normal=by_row))
        yield Accuracy(function, dtype, found)


def batches(count: int) -> list[tuple[int, int]]:
    """Return sizes of batches, evenly spread over the scale of magnitudes, and a place in each."""
    sizes = np.geomspace(1, LARGEST_BATCH, count).round().astype(int)
    places = np.random.default_rng(2).integers(0, sizes)
    return list(zip(sizes.tolist(), places.tolist(), strict=True))


def results_of_one_row(peer: contenders.Peer, network: str, count: int, threads: int) -> set[bytes]:
    """Return the different results that one row had in some batches."""
    layers = reference.build(network, "float32")
    others, row = (reference.inputs(network, n, "float32") for n in (LARGEST_BATCH, 1))
    results = set()
    for batch, place in tqdm(batches(count), network, leave=False, disable=None):
        x = others[:batch].copy()
        x[place] = row
        prepared = peer.prepare(layers, x if batch > 1 else row, threads)
        results.add(np.atleast_2d(np.asarray(prepared.array(prepared.call())))[place].tobytes())
    return results


def measure_constancy(libraries: Libraries, effort: Effort) -> Iterator[Constancy]:
    """Yield for each network how many results one row had."""
    peers = {name: library.peer for name, library in libraries.items() if library.peer}
    threads = range(1, min(MOST_THREADS, timing.available_processors()) + 1)
    for network in effort.networks:
        counts = {}
        for name, peer in peers.items():
            seen = {}
            for n in threads:
                with timing.processors(n), peer.settings(n):
                    seen[str(n)] = results_of_one_row(peer, network, effort.batches, n)
            in_all = {"in all": len(set.union(*seen.values()))}
            counts[name] = {n: len(results) for n, results in seen.items()} | in_all
        yield Constancy(network, counts)


def describe(errors: ulps.Errors | None) -> str:
    """Return the table's words on someone's function."""
    if errors is None:
        return "–"
    ulp = (
        f"{errors.ulp:.2f}"
        if errors.ulp < 1000
        else f"{errors.ulp:.1e}".replace("e+0", "e").replace("e+", "e")
    )
    shares = ((errors.lost, "lost"), (errors.wrong, "wrong"))
    return ", ".join([ulp, *(f"{percent(n / errors.tried)} {word}" for n, word in shares if n)])


def percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that can be read as it is and as Markdown."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(f'{cell:<{width}}' for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


def report(libraries: Libraries, accuracy: Sequence[Accuracy], constancy: Sequence[Constancy], n: int) -> str:
    """Return both tables."""
    names = list(libraries)
    errors = [
        [f"{one.function}, {one.dtype}", *(describe(one.errors.get(name)) for name in names)]
        for one in accuracy
    ]
    with_networks = [name for name in names if name in constancy[0].counts]
    counts = [
        [one.network, *(str(one.counts[name]["in all"]) for name in with_networks)] for one in constancy
    ]
    tables = table(["function", *names], errors), table(["network", *with_networks], counts)
    return "\n\n".join([ERRORS_HEAD, tables[0], COUNTS_HEAD.format(n, LARGEST_BATCH), tables[1]])


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare fastnn's numbers with others'.")
    parser.add_argument("--json", type=target, metavar="PATH", help="write everything there too")
    parser.add_argument("--write", type=files.page("comparison"), metavar="PAGE", help="put the tables there")
    parser.add_argument("--quick", action="store_true", help="few inputs, in seconds")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    try:
        compare(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def compare(options: argparse.Namespace) -> None:
    """Measure, print, and write what was asked for."""
    effort = QUICK if options.quick else FULL
    libraries = {name: one for name, one in functions.LIBRARIES.items() if contenders.installed(one.modules)}
    left_out = [name for name in functions.LIBRARIES if name not in libraries]
    versions = {name: contenders.version(one.modules[0]) for name, one in libraries.items()}
    machine = timing.machine()
    head = f"{', '.join(f'{name} {version}' for name, version in versions.items())}; {machine['cpu']}."
    print(head, *(f"Left out: {name}, not installed" for name in left_out), sep="\n", end="\n\n", flush=True)
    with np.errstate(all="ignore"):
        accuracy = list(measure_accuracy(libraries, effort))
        constancy = list(measure_constancy(libraries, effort))
    text = report(libraries, accuracy, constancy, effort.batches)
    print(text)
    if options.write:
        files.write_block(options.write, "comparison", f"{head}\n\n{text}\n")
    if options.json:
        figures: dict[str, Any] = {"machine": machine, "versions": versions, "left_out": left_out}
        figures |= {"effort": effort._asdict(), "accuracy": [one.as_json() for one in accuracy]}
        files.write_json(options.json, figures | {"networks": [one.as_json() for one in constancy]})


if __name__ == "__main__":
    sys.exit(main())
