"""Where the parts of a network's drawing are: columns of units while they fit, else blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fastnn.layers import Dense

Array = np.ndarray[Any, Any]

MOST_UNITS = 16  # of a column that shows each of them
MOST_EDGES = 1024  # of a drawing that shows each of them
MOST_COLUMNS = 12  # of a drawing without a gap

BLOCK_HEIGHT = 240.0  # of the widest, at least; others go by their logarithm
UNITS_HEIGHT = 480.0  # of a column, at most
PITCH = 50.0  # from one unit to the next, at most
RADIUS = 18.0
BLOCK = 46.0  # the width of a block
GAP, WIDE_GAP = 105.0, 180.0  # from one column to the next, at least; where there are many edges
MANY_EDGES = 64  # between two columns
LETTER = 6.6  # the width of one
LINE = 15.0  # from one line to the next
LEGEND = 280.0  # the width of the line that says what the edges are
HEAD, FOOT = 30.0, 76.0  # room for the lines above and below the columns


class Column(NamedTuple):
    """The inputs, or the outputs of a layer."""

    layer: int  # counted from 1; the inputs are 0
    n: int
    title: str
    captions: tuple[str, ...]
    x: float
    top: float
    bottom: float
    units: tuple[float, ...]  # each unit's y; none where the column is a block


class Layout(NamedTuple):
    """A drawing's size and its columns, those on either side of a gap next to each other."""

    width: float
    height: float
    radius: float
    columns: tuple[Column, ...]

    def links(self) -> list[tuple[Column, Column]]:
        """Return the columns that are joined."""
        return [(a, b) for a, b in pairwise(self.columns) if a.layer + 1 == b.layer]

    def gaps(self) -> list[tuple[Column, Column]]:
        """Return the columns between which others are left out."""
        return [(a, b) for a, b in pairwise(self.columns) if a.layer + 1 < b.layer]

    def band(self, a: Column, b: Column) -> list[tuple[float, float]]:
        """Return the corners of what joins two columns that aren't both of units."""
        left, right = a.x + self.reach(a), b.x - self.reach(b)
        return [(left, a.top), (right, b.top), (right, b.bottom), (left, a.bottom)]

    def reach(self, column: Column) -> float:
        """Return how far a column goes to either side."""
        return self.radius if column.units else BLOCK / 2


def layout(layers: Sequence[Dense]) -> Layout:
    """Lay out a drawing of some layers."""
    widths = widths_of(layers)
    shown = list(range(len(widths)))
    if len(shown) > MOST_COLUMNS:
        half = MOST_COLUMNS // 2
        shown = [*shown[:half], *shown[-half:]]
    captions = [captions_of(layers, i) for i in shown]
    units = unit_columns(widths, shown)
    pitch = min(PITCH, UNITS_HEIGHT / max((widths[i] for i in units), default=1))
    radius = min(RADIUS, 0.42 * pitch)
    widest = log2(1 + max(widths)) or 1.0
    of_units = {i: (widths[i] - 1) * pitch + 2 * radius for i in units}
    tallest = max([BLOCK_HEIGHT, *of_units.values()])
    extents = [of_units.get(i) or tallest * (0.3 + 0.7 * log2(1 + widths[i]) / widest) for i in shown]
    many = any(widths[i - 1] * widths[i] > MANY_EDGES for i in units if i - 1 in units)
    longest = max(len(line) for lines in captions for line in lines)
    gap = max(WIDE_GAP if many else GAP, LETTER * longest + 20)
    height = max(extents)
    width = max(gap * len(shown), LEGEND)
    margin = (width - gap * len(shown)) / 2
    columns = []
    for place, (i, lines, extent) in enumerate(zip(shown, captions, extents, strict=True)):
        top = HEAD + (height - extent) / 2
        ys = tuple(top + radius + k * pitch for k in range(widths[i])) if i in units else ()
        title = f"layer {i}" if i else "input"
        x = margin + gap * (place + 0.5)
        columns.append(Column(i, widths[i], title, lines, x, top, top + extent, ys))
    return Layout(width, HEAD + height + FOOT, radius, tuple(columns))


def widths_of(layers: Sequence[Dense]) -> list[int]:
    """Return the number of inputs, then each layer's number of outputs."""
    return [layers[0].n_inputs, *(layer.n_outputs for layer in layers)]


def captions_of(layers: Sequence[Dense], i: int) -> tuple[str, ...]:
    """Return the lines below a column."""
    if not i:
        return (plural(layers[0].n_inputs, "input"),)
    layer = layers[i - 1]
    return plural(layer.n_outputs, "neuron"), layer.activation, plural(layer.n_parameters, "parameter")


def unit_columns(widths: Sequence[int], shown: Sequence[int]) -> set[int]:
    """Return which columns show their units."""
    small = {i for i in shown if 0 < widths[i] <= MOST_UNITS}
    edges = sum(widths[i - 1] * widths[i] for i in small if i - 1 in small)
    return small if edges <= MOST_EDGES else set()


def plural(n: int, noun: str) -> str:
    """Return a number of things."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def parts(values: Array) -> Array:
    """Return the size of each number as a part of the largest; of infinities and NaN it is 1."""
    finite = np.isfinite(values)
    with np.errstate(all="ignore"):
        sizes = np.where(finite, np.abs(values), np.inf)
        largest = np.max(sizes, initial=0.0, where=finite) or 1.0
        shares: Array = np.minimum(sizes / largest, 1.0)
    return shares
