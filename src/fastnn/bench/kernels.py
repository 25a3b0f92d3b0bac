"""How fast each part is, and how near to what the processor can do in the same moment.

All that is compared is measured in turns, and ratios are taken within each turn. Of a layer or an activation
alone, the time of an empty call is taken off: Python's share, which a network pays once for all its layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastnn._core.activation_names import parse
from fastnn._core.dispatch import kernels
from fastnn.bench import cases, timing
from fastnn.bench.limits import Limits

Figures = dict[str, Any]

READ_SIZES = (2**14, 2**19, 2**27)
READ_SIZES_QUICK = (2**14, 2**19, 2**24)
ACTIVATION_FLOP = 50  # of a value, about: only to foresee how long it takes
GIGA = 1e9


class Turns(NamedTuple):
    """How long to look at each case."""

    rounds: int
    seconds: float  # of each turn
    longest: float  # what takes longer a call is left out

    def __call__(self, calls: Mapping[str, timing.Call], rest: bool = False) -> dict[str, timing.Timing]:
        """Time the calls in turns."""
        return timing.measure(calls, self.rounds, self.seconds, rest)


FULL = Turns(rounds=9, seconds=0.02, longest=0.5)
QUICK = Turns(rounds=3, seconds=0.002, longest=0.05)


class Job(NamedTuple):
    """A case to be measured: in which section of the table, what it is, its work, and how to measure it."""

    section: str
    name: str
    flop: float
    run: Callable[[], Figures]


class Runner:
    """Measures one instruction set and dtype.

    Parameters
    ----------
    isa, dtype : str
        What runs.
    limits : Limits
        The probes of the same.
    turns : Turns
        How long to look at each case.
    """

    def __init__(self, isa: str, dtype: str, limits: Limits, turns: Turns) -> None:
        self.isa = isa
        self.dtype = dtype
        self.limits = limits
        self.turns = turns
        self.itemsize = np.dtype(dtype).itemsize
        self.peak = limits.multiply_adds()

    def measure(self, calls: Mapping[str, timing.Call]) -> dict[str, timing.Timing]:
        """Time the calls in turns."""
        return self.turns(calls, rest=self.limits.threads > 1)

    def jobs(self) -> Iterator[Job]:
        """Yield every case."""
        quick = self.turns != FULL
        for layer in cases.LAYERS:
            yield Job("layers", layer.name, layer.flop, partial(self.layer, layer))
        for layer in cases.SINGLE_QUICK if quick else cases.SINGLE:
            yield Job("single", layer.name, layer.flop, partial(self.single, layer))
        for name in (*cases.ELEMENTWISE, *cases.ROW_WISE):
            for n in cases.VALUES_QUICK if quick else cases.VALUES:
                run = partial(self.activation, name, n)
                yield Job("activations", f"{name}, {n} values", ACTIVATION_FLOP * n, run)
        for net in cases.NETWORKS:
            rows = cases.NETWORK_ROWS
            yield Job("networks", net.name, net.flop(rows), partial(self.network, net, rows))
        for net in cases.CURVES:
            for rows in cases.BATCHES:
                yield Job(
                    "batches", f"{net.name}, {rows} rows", net.flop(rows), partial(self.batch, net, rows)
                )
        yield Job("calls", cases.SMALLEST.name, 0, self.call)

    def limit_figures(self) -> Figures:
        """Return what the processor can do, without anything beside it."""
        sizes = READ_SIZES if self.turns == FULL else READ_SIZES_QUICK
        probes = {"peak": self.peak} | {
            str(size): self.limits.read(size, self.limits.threads) for size in sizes
        }
        timings = self.measure({name: probe.call for name, probe in probes.items()})
        rates = {name: timings[name].rates(probe.amount / GIGA) for name, probe in probes.items()}
        return {
            "gflops": rates["peak"],
            "read": [{"bytes": size, "gbytes_per_second": rates[str(size)]} for size in sizes],
        }

    def empty_call(self, rows: int) -> timing.Call:
        """Return a call of a layer with one input and one output: hardly more than what calling costs."""
        return cases.layer_call(cases.Layer(min(rows, 2), 1, 1), self.dtype, self.isa)

    def layer_calls(self, layer: cases.Layer) -> dict[str, timing.Call]:
        """Return what a layer is measured beside."""
        return {
            "call": cases.layer_call(layer, self.dtype, self.isa),
            "empty": self.empty_call(layer.rows),
            "peak": self.peak.call,
        }

    def layer_figures(self, layer: cases.Layer, timings: Mapping[str, timing.Timing]) -> Figures:
        """Return what the turns of a layer say."""
        alone = timings["call"].without(timings["empty"])
        return {
            **layer._asdict(),
            "flop": layer.flop,
            "bytes": layer.reals * self.itemsize,
            "call_ns": timings["call"].nanoseconds(),
            "empty_call_ns": timings["empty"].nanoseconds(),
            "noise": timings["call"].lost_in(timings["empty"]),
            "gflops": alone.rates(layer.flop / GIGA),
            "of_peak": alone.ratios(timings["peak"], layer.flop / self.peak.amount),
        }

    def layer(self, layer: cases.Layer) -> Figures:
        """Measure a layer on a batch, beside multiply-adds."""
        return self.layer_figures(layer, self.measure(self.layer_calls(layer)))

    def single(self, layer: cases.Layer) -> Figures:
        """Measure a layer on one example, beside reading as many bytes as its weights are, too."""
        nbytes = layer.n_inputs * layer.n_outputs * self.itemsize
        read = self.limits.read(nbytes)
        timings = self.measure({**self.layer_calls(layer), "read": read.call})
        alone = timings["call"].without(timings["empty"])
        return {
            **self.layer_figures(layer, timings),
            "weight_bytes": nbytes,
            "weight_gbytes_per_second": alone.rates(nbytes / GIGA),
            "read_gbytes_per_second": timings["read"].rates(read.amount / GIGA),
            "of_read": alone.ratios(timings["read"], nbytes / read.amount),
        }

    def activation(self, name: str, n: int) -> Figures:
        """Measure an activation of an array, beside reading as many bytes as it reads and writes."""
        kernel = kernels(self.dtype, self.isa)
        activation = parse(name)
        z = cases.examples(n // cases.ROW, cases.ROW, self.dtype)
        run: timing.Call
        if name in cases.ROW_WISE:
            run, empty = (
                partial(kernel.normalize, activation, z),
                partial(kernel.normalize, activation, z[:0]),
            )
            nbytes = z.nbytes
        else:
            out = cases.aligned(z)
            run, empty = (partial(kernel.activate, activation, z[:k], out[:k]) for k in (len(z), 0))
            nbytes = z.nbytes + out.nbytes
        read = self.limits.read(nbytes)
        timings = self.measure({"call": run, "empty": empty, "read": read.call})
        alone = timings["call"].without(timings["empty"])
        return {
            "activation": name,
            "values": n,
            "row": cases.ROW if name in cases.ROW_WISE else None,
            "bytes": 2 * z.nbytes,
            "call_ns": timings["call"].nanoseconds(),
            "empty_call_ns": timings["empty"].nanoseconds(),
            "noise": timings["call"].lost_in(timings["empty"]),
            "ns_per_value": alone.times(1e9 / n),
            "gbytes_per_second": alone.rates(2 * z.nbytes / GIGA),
            "read_gbytes_per_second": timings["read"].rates(read.amount / GIGA),
        }

    def network(self, net: cases.Net, rows: int) -> Figures:
        """Measure a network on a batch, beside multiply-adds."""
        x = cases.examples(rows, net.widths[0], self.dtype)
        plan = cases.plan(net, self.dtype, self.isa)
        timings = self.measure({"call": partial(plan, x), "peak": self.peak.call})
        return {
            "network": net.name,
            "activations": net.activations,
            "rows": rows,
            "flop": net.flop(rows),
            "call_ns": timings["call"].nanoseconds(),
            "gflops": timings["call"].rates(net.flop(rows) / GIGA),
            "of_peak": timings["call"].ratios(timings["peak"], net.flop(rows) / self.peak.amount),
        }

    def batch(self, net: cases.Net, rows: int) -> Figures:
        """Measure a network on a batch of some size."""
        x = cases.examples(rows, net.widths[0], self.dtype)
        timings = self.measure({"call": partial(cases.plan(net, self.dtype, self.isa), x)})
        return {
            "network": net.name,
            "activations": net.activations,
            "rows": rows,
            "call_ns": timings["call"].nanoseconds(),
            "rows_per_second": timings["call"].rates(rows),
        }

    def call(self) -> Figures:
        """Measure one example through a tiny network, beside adding two small arrays with NumPy."""
        net = cases.SMALLEST
        x = cases.examples(1, net.widths[0], self.dtype)
        plan = cases.plan(net, self.dtype, self.isa)
        timings = self.measure({"call": partial(plan, x), "add": partial(np.add, x, x.copy())})
        return {
            "network": net.name,
            "call_ns": timings["call"].nanoseconds(),
            "np_add_ns": timings["add"].nanoseconds(),
            "of_np_add": timings["add"].ratios(timings["call"]),
        }
