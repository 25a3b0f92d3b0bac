"""Draw what peers.py wrote: the best peer's time over fastnn's, for each network and batch."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from fastnn.bench import files
from fastnn.bench.plot import COLOURS, FAINT, GRID, INK, TITLE

ROW_INCHES = 0.215
GAP = 1.1  # between networks, in rows
TICKS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200]
LOSS = "#d55e00"


def png(reports: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the drawing of some reports, side by side."""
    rows = max(len(report["cells"]) + GAP * len(networks(report)) for report in reports)
    size = (6.6 * len(reports), ROW_INCHES * rows + 1.6)
    figure = Figure(size, 150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    ratios = [cell["ratios"][cell["best_peer"]] for report in reports for cell in report["cells"]]
    limits = (min(0.8, min(ratios) / 1.2), max(2.0, max(ratios)) * 4)  # the names need room
    for report, axes in zip(reports, figure.subplots(1, len(reports), squeeze=False)[0], strict=True):
        draw(axes, report, limits)
    machine = reports[0]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["peers"].items())
    figure.supxlabel(f"fastnn {machine['fastnn']} · {versions} · {machine['cpu']}", fontsize=9, color=FAINT)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def networks(report: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the cells of each network."""
    return [(name, list(cells)) for name, cells in groupby(report["cells"], lambda cell: cell["network"])]


def draw(axes: Axes, report: Mapping[str, Any], limits: tuple[float, float]) -> None:
    """Draw a line from 1 to each ratio, networks one below the other."""
    axes.set(xscale="log", xlim=limits)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if limits[0] <= tick <= limits[1]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}×"))
    axes.grid(True, axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.axvline(1, color=INK, linewidth=1.2)
    y, places, names = 0.0, [], []
    for network, cells in networks(report):
        name = {"color": INK, "fontsize": 10, "fontweight": "bold", "va": "center"}
        axes.annotate(network, (1, y), (6, 0), textcoords="offset points", **name)
        for cell in cells:
            y += 1
            ratio = cell["ratios"][cell["best_peer"]]
            colour = COLOURS[0] if ratio >= 1 else LOSS
            axes.plot([1, ratio], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot([ratio], [y], "o", color=colour, markersize=5.5)
            axes.annotate(
                f"{ratio:.3g}×  {cell['best_peer']}",
                (max(ratio, 1), y),
                (8, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=INK,
            )
            places.append(y)
            names.append(f"{cell['batch']:,}")
        y += GAP
    axes.set(ylim=(y, -0.8))
    axes.yaxis.set_major_locator(FixedLocator(places))
    axes.set_yticklabels(names)
    axes.tick_params(axis="y", length=0, labelsize=8.5, colors=INK)
    axes.tick_params(axis="x", labelsize=9, length=3, color=FAINT, labelcolor=INK)
    axes.set_ylabel("rows in a batch", fontsize=10, color=INK)
    mean = report["geometric_means"]["grid"]
    where = report["machine"]["threads"].partition(",")[0]
    title = f"The best peer's time ÷ fastnn's, {where}\ngeometric mean {mean:.2f}"
    axes.set_title(title, **TITLE)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the JSON of peers.py.")
    parser.add_argument("reports", type=Path, nargs="+", metavar="REPORT.json")
    parser.add_argument("--to", type=files.picture_target, required=True, metavar="PATH.png")
    options = parser.parse_args(argv)
    files.write(options.to, png([json.loads(path.read_text(encoding="utf-8")) for path in options.reports]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
