"""Put labels into a drawing so that none covers another, a point or a line."""

from __future__ import annotations

import math
from itertools import product

from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.transforms import Bbox, IdentityTransform

Point = tuple[float, float]

# Where a label is tried, in pixels and degrees from its point: near ones first.
DISTANCES = (14, 20, 28, 38, 50, 64, 80, 100)
ANGLES = tuple(sorted(range(-165, 181, 15), key=lambda angle: min(abs(angle), 180 - abs(angle))))
FONT_SIZE = 9
MARGIN = 3
MARKER = 9
SMALL_STEP = 12
TEXT_HEIGHT = 20
# What it costs that a label crosses a line, where nothing is free; covering a label or a point costs more.
ON_LINE, ON_LABEL = 60.0, 1000.0


class Labels:
    """Labels in one pair of axes whose limits and place no longer change.

    Parameters
    ----------
    axes : Axes
        Of a figure that was drawn once.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.taken: list[Bbox] = []
        self.lines: list[tuple[Point, Point]] = []

    def pixel(self, x: float, y: float) -> Point:
        """Return where a point of the data stands."""
        across, up = self.axes.transData.transform((x, y))
        return float(across), float(up)

    def avoid(self, x: float, y: float) -> None:
        """Keep the marker at a point free."""
        across, up = self.pixel(x, y)
        self.taken.append(box(across, up, 2 * MARKER, 2 * MARKER))

    def along(self, start: Point, end: Point, text: str, colour: str) -> None:
        """Write just above a line, as near to its start as there is room."""
        (x0, y0), (x1, y1) = self.pixel(*start), self.pixel(*end)
        angle = math.atan2(y1 - y0, x1 - x0)
        length = self.size(text)[0]
        room = max(0.0, math.hypot(x1 - x0, y1 - y0) - length)
        starts = [SMALL_STEP * i for i in range(1, int(room / SMALL_STEP))] or [0]
        spots = [self.boxes_along((x0, y0), angle, first, length) for first in starts]
        free = [not any(a.overlaps(b) for a in boxes for b in self.taken) for boxes in spots]
        chosen = free.index(True) if any(free) else 0
        self.taken += spots[chosen]
        self.lines.append(((x0, y0), (x1, y1)))
        self.axes.text(
            x0 + starts[chosen] * math.cos(angle) - MARGIN * math.sin(angle),
            y0 + starts[chosen] * math.sin(angle) + MARGIN * math.cos(angle),
            text,
            transform=IdentityTransform(),
            va="bottom",
            rotation=math.degrees(angle),
            rotation_mode="anchor",
            color=colour,
            fontsize=FONT_SIZE,
        )

    def boxes_along(self, start: Point, angle: float, first: int, length: float) -> list[Bbox]:
        """Return boxes that cover a label above a line from `start`, beginning `first` pixels along it."""
        sine, cosine = math.sin(angle), math.cos(angle)
        reaches = [first + SMALL_STEP * (i + 0.5) for i in range(math.ceil(length / SMALL_STEP))]
        up = TEXT_HEIGHT / 2
        return [
            box(
                start[0] + reach * cosine - up * sine,
                start[1] + reach * sine + up * cosine,
                TEXT_HEIGHT,
                TEXT_HEIGHT,
            )
            for reach in reaches
        ]

    def beside(self, x: float, y: float, text: str, colour: str) -> None:
        """Write beside a point, as near as there is room, with a line to it if that isn't near."""
        across, up = self.pixel(x, y)
        width, height = self.size(text)
        best, best_cost = (0.0, 0.0), math.inf
        for distance, angle in product(DISTANCES, ANGLES):
            cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            place = (distance * cosine + width / 2 * sign(cosine), distance * sine + height / 2 * sign(sine))
            cost = distance + self.cost(box(across + place[0], up + place[1], width, height))
            if cost < best_cost:
                cost += ON_LABEL * self.covered(across, up, place)
            if cost < best_cost:
                best, best_cost = place, cost
        self.taken.append(box(across + best[0], up + best[1], width, height))
        self.lines.append(((across, up), (across + best[0], up + best[1])))
        self.axes.annotate(
            text,
            (x, y),
            best,
            textcoords="offset pixels",
            ha="center",
            va="center",
            color=colour,
            fontsize=FONT_SIZE,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4},
        )

    def size(self, text: str) -> Point:
        """Return the width and height of a label in pixels, with some room around it."""
        label = self.axes.text(0.5, 0.5, text, transform=self.axes.transAxes, fontsize=FONT_SIZE)
        extent = label.get_window_extent()
        label.remove()
        return float(extent.width) + 2 * MARGIN, float(extent.height) + 2 * MARGIN

    def cost(self, label: Bbox) -> float:
        """Return how bad it would be to write there."""
        inside = self.axes.bbox.padded(-MARGIN)
        fits = inside.contains(*label.min) and inside.contains(*label.max)
        cost = 0.0 if fits else 10 * ON_LABEL
        cost += ON_LABEL * sum(bool(label.overlaps(other)) for other in self.taken)
        return cost + ON_LINE * sum(crosses(label, *line) for line in self.lines)

    def covered(self, x: float, y: float, place: Point) -> int:
        """Return how many labels and other points a line to a label there would go over."""
        length = math.hypot(*place)
        start = (x + place[0] * 2 * MARKER / length, y + place[1] * 2 * MARKER / length)
        return sum(crosses(other, start, (x + place[0], y + place[1])) for other in self.taken)


def box(x: float, y: float, width: float, height: float) -> Bbox:
    """Return the box around a point."""
    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)


def sign(a: float) -> float:
    """Return -1, 0 or 1."""
    return 0.0 if abs(a) < 1e-9 else math.copysign(1.0, a)


def crosses(area: Bbox, start: Point, end: Point) -> bool:
    """Return whether a line goes through a box."""
    return bool(Path([start, end]).intersects_bbox(area, filled=False))
