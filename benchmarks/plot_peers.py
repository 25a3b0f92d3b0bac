"""Draw what peers.py wrote: the best peer's time over fastnn's, for each network and batch."""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from fastnn.arguments import target_named
from fastnn.bench import files
from fastnn.show.elements import element
from fastnn.show.picture import line, picture, text
from fastnn.show.svg import NEGATIVE, POSITIVE

WIDTH = 560.0
LEFT, RIGHT = 62.0, 400.0  # of the scale; the names need the rest
TOP, ROW, HEADING = 60.0, 15.0, 28.0
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)
LETTERS = 84  # of a line of the caption
FOOT = 15.0  # a line of it


class Scale:
    """Ratios as places, logarithmically."""

    def __init__(self, ratios: Sequence[float]) -> None:
        self.low, self.high = min(0.8, min(ratios) / 1.1), max(2.0, max(ratios) * 1.1)

    def x(self, ratio: float) -> float:
        """Return a ratio's place."""
        part = math.log(ratio / self.low) / math.log(self.high / self.low)
        return LEFT + (RIGHT - LEFT) * part

    def ticks(self) -> list[float]:
        """Return what is written on it."""
        return [tick for tick in TICKS if self.low <= tick <= self.high]


def svg(report: Mapping[str, Any]) -> str:
    """Return the drawing of a report."""
    cells = report["cells"]
    networks = [(name, list(some)) for name, some in groupby(cells, lambda cell: cell["network"])]
    scale = Scale([ratio for cell in cells for ratio in extremes(cell)])
    bottom = TOP + ROW * len(cells) + HEADING * len(networks)
    foot = caption(report)
    mean = report["geometric_means"]["grid"]
    threads = report["machine"]["threads"].partition(",")[0]
    parts = [
        text(16, 26, f"The best peer's time ÷ fastnn's, {threads}", font_size="15", font_weight="600"),
        text(
            16,
            46,
            f"{report['dtype']}; right of 1 fastnn is faster; geometric mean {mean:.2f}",
            class_="faint",
        ),
        *grid(scale, bottom),
        *rows(networks, scale),
        *(
            text(16, bottom + 34 + FOOT * i, words, class_="faint", font_size="11")
            for i, words in enumerate(foot)
        ),
    ]
    title = "How many times as long as fastnn the best peer takes"
    description = "; ".join(described(cell) for cell in cells)
    return picture(WIDTH, bottom + 34 + FOOT * len(foot), title, description, *parts)


def described(cell: Mapping[str, Any]) -> str:
    """Return a cell in words."""
    peer = cell["best_peer"]
    return f"{cell['network']}, batch {cell['batch']}: {peer} {cell['ratios'][peer]:.3g}"


def extremes(cell: Mapping[str, Any]) -> tuple[float, float]:
    """Return the least and the most that a ratio of two of the turns could be."""
    ours, peers = cell["microseconds"]["fastnn"], cell["microseconds"][cell["best_peer"]]
    return peers["min"] / ours["max"], peers["max"] / ours["min"]


def caption(report: Mapping[str, Any]) -> list[str]:
    """Return on what it was measured, in lines."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version.partition('+')[0]}" for name, version in machine["peers"].items())
    words = (
        f"A dot: the median of {report['rounds']} turns. A line: from the peer's best turn over fastnn's "
        "worst to the opposite; hollow where it reaches 1. "
        f"fastnn {machine['fastnn']} ({machine['isa']}), {versions}; "
        f"{machine['cpu']}, {machine['date'][:10]}."
    )
    return textwrap.wrap(words, LETTERS)


def grid(scale: Scale, bottom: float) -> Iterator[Element]:
    """Yield the scale's lines and numbers."""
    for tick in scale.ticks():
        x = scale.x(tick)
        yield line(x, TOP, x, bottom + 4, class_="edge" if tick == 1 else "rule")
        yield text(x, bottom + 17, f"{tick:g}×", "middle", class_="faint", font_size="11")


def rows(networks: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], scale: Scale) -> Iterator[Element]:
    """Yield networks one below the other, a row for each batch."""
    y = TOP
    for name, cells in networks:
        y += HEADING
        yield text(16, y - 13, name, font_weight="600", class_="halo")
        for cell in cells:
            yield from row(cell, y, scale)
            y += ROW


def row(cell: Mapping[str, Any], y: float, scale: Scale) -> Iterator[Element]:
    """Yield a batch's size, its ratio's dot and between what that was, and who the best peer is."""
    peer = cell["best_peer"]
    ratio, (low, high) = cell["ratios"][peer], extremes(cell)
    colour = POSITIVE if ratio >= 1 else NEGATIVE
    hollow = low <= 1 <= high
    fill = {"class_": "paper"} if hollow else {"fill": colour}
    yield text(LEFT - 6, y + 4, f"{cell['batch']:,}", "end", class_="faint", font_size="11")
    yield line(scale.x(low), y, scale.x(high), y, stroke=colour, stroke_width="3", stroke_opacity="0.5")
    yield element("circle", cx=scale.x(ratio), cy=y, r=4.0, stroke=colour, stroke_width="1.6", **fill)
    yield text(
        max(scale.x(high), scale.x(1)) + 10, y + 4, f"{ratio:#.3g}×  {peer}", font_size="11", class_="halo"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the JSON of peers.py.")
    parser.add_argument("report", type=Path, metavar="REPORT.json")
    parser.add_argument(
        "--to", type=lambda path: target_named(path, [".svg"]), required=True, metavar="PATH.svg"
    )
    options = parser.parse_args(argv)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    files.write(options.to, svg(report).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
