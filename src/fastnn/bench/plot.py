"""A report drawn: for each instruction set and dtype a roofline, and rows a second by batch size.

A roofline (Williams, Waterman & Patterson, 2009) shows what a computation reaches over how many operations it
does for each byte that it must move: the slopes are what reading allows, the flat roof is the multiply-adds'.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, NullLocator

from fastnn.bench.labels import Labels
from fastnn.bench.report import size

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe & Ito: for all eyes
INK, FAINT, GRID = "#222222", "#777777", "#e6e6e6"
INCHES = (13.0, 5.6)
DPI = 150
SAME_RATE = 0.8  # of another: their lines would have no room for a label between them
TITLE: dict[str, Any] = {"loc": "left", "fontsize": 12, "color": INK, "pad": 10}


def png(report: Mapping[str, Any]) -> bytes:
    """Return the drawing of a report, as `command.measure` gives it."""
    runs = report["runs"]
    figure = Figure((INCHES[0], INCHES[1] * len(runs)), DPI, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(runs), 2, squeeze=False, width_ratios=(1.25, 1))
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    for run, (left, right) in zip(runs, axes, strict=True):
        draw_roofline(left, run)
        draw_batches(right, run)
        left.set_title(f"{run['isa']}, {run['dtype']}: layers with ReLU (rows × inputs-outputs)", **TITLE)
        right.set_title("Rows a second by batch size", **TITLE)
    figure.supxlabel(caption(report["machine"]), fontsize=9, color=FAINT)
    canvas.draw()  # the layout is settled: what depends on pixels comes after
    figure.set_layout_engine("none")
    for run, (left, right) in zip(runs, axes, strict=True):
        label_roofline(left, run)
        label_batches(right, run)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def caption(machine: Mapping[str, Any]) -> str:
    """Return on what it was measured."""
    return f"fastnn {machine['fastnn']} · {machine['cpu']} · {machine['threads']} · {machine['date'][:10]}"


def plain(axes: Axes) -> None:
    """Leave of a frame what is needed."""
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(which="both", colors=INK, labelsize=9, length=3, color=FAINT)
    axes.grid(True, which="major", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def points(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the layers, those with one example too."""
    return [*run["layers"], *run["single"]]


def intensity(layer: Mapping[str, Any]) -> float:
    """Return a layer's operations for each byte that has to be moved."""
    return float(layer["flop"] / layer["bytes"])


def slopes(run: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Return the rates of reading in GB/s, the highest first, and of which sizes; near ones are one."""
    reads = [
        (float(read["gbytes_per_second"]["median"]), size(read["bytes"])) for read in run["limits"]["read"]
    ]
    found: list[tuple[float, str]] = []
    for rate, of in sorted(reads, reverse=True):
        if found and rate > SAME_RATE * found[-1][0]:
            found[-1] = (found[-1][0], f"{found[-1][1]}, {of}")
        else:
            found.append((rate, of))
    return found


def draw_roofline(axes: Axes, run: Mapping[str, Any]) -> None:
    """Draw the roofs and the layers' points."""
    peak = run["limits"]["gflops"]["median"]
    speeds = [layer["gflops"]["median"] for layer in points(run)]
    intensities = list(map(intensity, points(run)))
    fastest = slopes(run)[0][0]
    left, right = min(min(intensities), peak / fastest) / 5, max(intensities) * 4.5
    bottom = min(min(speeds) / 2.5, peak / 12)
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(bottom, peak * 1.9))
    plain(axes)
    axes.xaxis.set_major_locator(FixedLocator([2.0**i for i in range(-10, 12, 1 if left > 1 / 32 else 2)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}"))
    low, high = axes.get_ylim()
    ticks = [d * 10.0**e for e in range(-3, 7) for d in (1, 2, 5) if low <= d * 10.0**e <= high]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.set_xlabel("operations for each byte of weights, inputs and outputs", fontsize=10, color=INK)
    axes.set_ylabel("GFLOP/s", fontsize=10, color=INK)
    for rate, _ in slopes(run):
        axes.plot([left, peak / rate], [left * rate, peak], color=FAINT, linewidth=1, zorder=2)
    axes.plot([peak / fastest, right], [peak, peak], color=INK, linewidth=1.6, zorder=2)
    for layers, marker, colour in ((run["layers"], "o", COLOURS[0]), (run["single"], "D", COLOURS[1])):
        x, y = list(map(intensity, layers)), [layer["gflops"]["median"] for layer in layers]
        axes.plot(x, y, marker, color=colour, markersize=6, markeredgecolor="white", zorder=4)


def label_roofline(axes: Axes, run: Mapping[str, Any]) -> None:
    """Name the roofs and the points, where there is room."""
    peak = run["limits"]["gflops"]["median"]
    labels = Labels(axes)
    for layers, colour in ((run["layers"], COLOURS[0]), (run["single"], COLOURS[1])):
        for layer in layers:
            text = f"{layer['rows']} × {layer['n_inputs']}-{layer['n_outputs']}"
            labels.beside((intensity(layer), layer["gflops"]["median"]), text, colour)
    left, right = axes.get_xlim()
    bottom = axes.get_ylim()[0]
    for rate, of in slopes(run):
        start = max(left, bottom / rate)
        labels.along((start, start * rate), (peak / rate, peak), f"reading {of}: {rate:.3g} GB/s", FAINT)
    start = peak / slopes(run)[0][0]
    labels.along((start, peak), (right, peak), f"multiply-adds: {peak:.3g} GFLOP/s", INK)
    labels.draw()


def by_network(run: Mapping[str, Any]) -> list[tuple[str, str, Sequence[Mapping[str, Any]]]]:
    """Return the name, colour and figures of each network's curve."""
    groups = groupby(run["batches"], key=lambda figures: figures["network"])
    return [(name, colour, list(some)) for (name, some), colour in zip(groups, COLOURS, strict=False)]


def draw_batches(axes: Axes, run: Mapping[str, Any]) -> None:
    """Draw each network's rows a second by batch size, and between what they varied."""
    axes.set(xscale="log", yscale="log")
    plain(axes)
    batches = sorted({figures["rows"] for figures in run["batches"]})
    axes.xaxis.set_major_locator(FixedLocator(batches))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlabel("rows in a batch", fontsize=10, color=INK)
    axes.set_ylabel("rows a second", fontsize=10, color=INK)
    for _, colour, some in by_network(run):
        x = [figures["rows"] for figures in some]
        low, middle, high = (
            [figures["rows_per_second"][name] for figures in some] for name in ("min", "median", "max")
        )
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(x, middle, "o-", color=colour, linewidth=1.8, markersize=5, markeredgecolor="white")
    axes.margins(y=0.12)


def label_batches(axes: Axes, run: Mapping[str, Any]) -> None:
    """Name each curve at its end, above it."""
    for name, colour, some in by_network(run):
        highest = max(figures["rows_per_second"]["max"] for figures in some[-3:])
        axes.annotate(
            name,
            (some[-1]["rows"], highest),
            (4, 9),
            textcoords="offset points",
            ha="right",
            color=colour,
            fontsize=10,
            fontweight="bold",
        )
