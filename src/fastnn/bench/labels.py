"""Put labels into a drawing so that none covers another, a point or a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.transforms import IdentityTransform

Point = tuple[float, float]
Line = tuple[Point, Point]

# Where a label is tried, in pixels and degrees from its point: near ones first.
DISTANCES = (14, 20, 28, 38, 50, 64, 80, 100)
ANGLES = tuple(sorted(range(-165, 181, 15), key=lambda angle: min(abs(angle), 180 - abs(angle))))
FONT_SIZE = 9
MARGIN = 3
MARKER = 9
SMALL_STEP = 12
TEXT_HEIGHT = 20
# What it costs, beside the distance, to cross a line, to cover another label or a point, to leave the axes.
ON_LINE, ON_LABEL, OUTSIDE = 60.0, 1000.0, 10_000.0


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Return whether two boxes share a point."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def crosses(self, line: Line) -> bool:
        """Return whether a line goes through: Liang & Barsky's clipping (1984) leaves something of it."""
        (x0, y0), (x1, y1) = line
        first, last = 0.0, 1.0
        for step, near, far in (
            (x1 - x0, self.left - x0, self.right - x0),
            (y1 - y0, self.bottom - y0, self.top - y0),
        ):
            if step == 0:
                if not near <= 0 <= far:
                    return False
                continue
            enter, leave = sorted((near / step, far / step))
            first, last = max(first, enter), min(last, leave)
        return first < last


def box(x: float, y: float, width: float, height: float) -> Box:
    """Return the box around a point."""
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


class Label(NamedTuple):
    """What is to be written beside a point."""

    point: Point  # in the data
    pixel: Point
    size: Point
    text: str
    colour: str


class Labels:
    """Labels in one pair of axes whose limits and place no longer change.

    Parameters
    ----------
    axes : Axes
        Of a figure that was drawn once.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.inside = Box(*axes.bbox.extents)
        self.taken: list[Box] = []
        self.lines: list[Line] = []
        self.labels: list[Label] = []

    def pixel(self, point: Point) -> Point:
        """Return where a point of the data stands."""
        x, y = self.axes.transData.transform(point)
        return float(x), float(y)

    def size(self, text: str) -> Point:
        """Return the width and height of a label in pixels, with some room around it."""
        label = self.axes.text(0.5, 0.5, text, transform=self.axes.transAxes, fontsize=FONT_SIZE)
        extent = label.get_window_extent()
        label.remove()
        return float(extent.width) + 2 * MARGIN, float(extent.height) + 2 * MARGIN

    def along(self, start: Point, end: Point, text: str, colour: str) -> None:
        """Write just above a line of the data, as near to its start as there is room, and keep it free."""
        (x0, y0), (x1, y1) = line = self.pixel(start), self.pixel(end)
        angle = math.atan2(y1 - y0, x1 - x0)
        sine, cosine = math.sin(angle), math.cos(angle)
        length = self.size(text)[0]
        room = max(0.0, math.hypot(x1 - x0, y1 - y0) - length)

        def boxes(first: int) -> list[Box]:
            # Squares that cover the label if it begins so many pixels along the line.
            reaches = [first + SMALL_STEP * (i + 0.5) for i in range(math.ceil(length / SMALL_STEP))]
            x, y = x0 - TEXT_HEIGHT / 2 * sine, y0 + TEXT_HEIGHT / 2 * cosine
            return [box(x + r * cosine, y + r * sine, TEXT_HEIGHT, TEXT_HEIGHT) for r in reaches]

        starts = [SMALL_STEP * i for i in range(1, int(room / SMALL_STEP))] or [0]
        free = (first for first in starts if not any(a.overlaps(b) for a in boxes(first) for b in self.taken))
        chosen = next(free, starts[0])
        self.taken += boxes(chosen)
        self.lines.append(line)
        self.axes.text(
            x0 + chosen * cosine - MARGIN * sine,
            y0 + chosen * sine + MARGIN * cosine,
            text,
            transform=IdentityTransform(),
            va="bottom",
            rotation=math.degrees(angle),
            rotation_mode="anchor",
            color=colour,
            fontsize=FONT_SIZE,
        )

    def beside(self, point: Point, text: str, colour: str) -> None:
        """Let `draw` write beside a point of the data, whose marker nothing else shall cover."""
        pixel = self.pixel(point)
        self.taken.append(box(*pixel, 2 * MARKER, 2 * MARKER))
        self.labels.append(Label(point, pixel, self.size(text), text, colour))

    def draw(self) -> list[Box]:
        """Write all labels beside their points, each with a line to it; return the boxes of the labels."""
        orders = [
            sorted(self.labels, key=lambda label: sign * label.pixel[i]) for i in (0, 1) for sign in (1, -1)
        ]
        _, placed = min((self.arrange(order) for order in orders), key=lambda found: found[0])
        for label, place in placed:
            self.axes.annotate(
                label.text,
                label.point,
                place,
                textcoords="offset pixels",
                ha="center",
                va="center",
                color=label.colour,
                fontsize=FONT_SIZE,
                arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.7, "shrinkB": 4},
            )
        return [label_box(label, place) for label, place in placed]

    def arrange(self, labels: Iterable[Label]) -> tuple[float, list[tuple[Label, Point]]]:
        """Find a place for one label after the other; return what all cost, and the places."""
        taken, lines = list(self.taken), list(self.lines)
        total, placed = 0.0, []
        for label in labels:
            cost, place = min(
                (distance + self.cost(label, place, taken, lines), place) for distance, place in places(label)
            )
            total += cost
            placed.append((label, place))
            taken.append(label_box(label, place))
            lines.append(leader(label, place))
        return total, placed

    def cost(self, label: Label, place: Point, taken: Sequence[Box], lines: Sequence[Line]) -> float:
        """Return how bad it would be to write there."""
        area, line = label_box(label, place), leader(label, place)
        outside = (
            area.left < self.inside.left
            or area.bottom < self.inside.bottom
            or area.right > self.inside.right
            or area.top > self.inside.top
        )
        covered = sum(area.overlaps(other) or other.crosses(line) for other in taken)
        return OUTSIDE * outside + ON_LABEL * covered + ON_LINE * sum(area.crosses(other) for other in lines)


def places(label: Label) -> Iterable[tuple[float, Point]]:
    """Yield where a label could stand: its distance, and its centre from the point's, in pixels."""
    width, height = label.size
    for distance, angle in product(DISTANCES, ANGLES):
        cosine, sine = (round(f(math.radians(angle)), 9) for f in (math.cos, math.sin))
        x = distance * cosine + (math.copysign(width / 2, cosine) if cosine else 0)
        y = distance * sine + (math.copysign(height / 2, sine) if sine else 0)
        yield distance, (x, y)


def label_box(label: Label, place: Point) -> Box:
    """Return the box of a label at a place."""
    return box(label.pixel[0] + place[0], label.pixel[1] + place[1], *label.size)


def leader(label: Label, place: Point) -> Line:
    """Return the line to a label, from beyond its own marker."""
    (x, y), (across, up) = label.pixel, place
    part = 2 * MARKER / math.hypot(across, up)
    return (x + part * across, y + part * up), (x + across, y + up)
