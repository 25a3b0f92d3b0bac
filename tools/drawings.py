"""Draw docs/images/kernels-*.svg, which docs/kernels.md shows: the tile, the panels, the row blocks.

The figures in them are those of float32 on AVX-512. `python tools/drawings.py` writes all three.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from fastnn.show.elements import element
from fastnn.show.picture import box, line, picture, text
from fastnn.show.svg import NEGATIVE, POSITIVE

LANES, TILE_ROWS = 16, 14
BLOCKS = 2  # of each thread
IMAGES = Path(__file__).parents[1] / "docs" / "images"
SMALL = {"font_size": "11", "class_": "faint"}
BLUE = {"fill": POSITIVE, "stroke": POSITIVE}
ORANGE = {"fill": NEGATIVE, "stroke": NEGATIVE}


def tile() -> str:
    """Return one step of k in a tile: what is broadcast, what is loaded, what is added to."""
    row, top = 17.0, 120.0
    bottom = top + TILE_ROWS * row
    k = 90.0  # the step's place in the rows of x
    first, second, width = 250.0, 408.0, 150.0
    parts = [
        text(24, top - 12, "x: 14 rows as they lie"),
        *(
            box(24, top + row * i + 2, 170, row - 4, rx=2.0, class_="rule", fill="none")
            for i in range(TILE_ROWS)
        ),
        *(box(k, top + row * i + 2, 11, row - 4, **BLUE, fill_opacity="0.55") for i in range(TILE_ROWS)),
        text(k + 5, bottom + 17, "term k", "middle", **SMALL),
        *(arrow(198, top + row * (i + 0.5), first - 8) for i in range(TILE_ROWS)),
        text((198 + first) / 2, top - 12, "14 broadcasts", "middle", **SMALL),
        text(first, 34, "a panel's line k: 32 weights, packed side by side"),
        *loaded(first, second, width),
        *sums(first, second, width, top, row),
        text(first + width / 2, bottom + 17, "outputs 0 to 15", "middle", **SMALL),
        text(second + width / 2, bottom + 17, "outputs 16 to 31", "middle", **SMALL),
        text(first, bottom + 42, "28 vectors of sums, in registers all the while"),
        text(first, bottom + 59, "for each k: 2 loads, 28 multiply-adds, no store", **SMALL),
    ]
    description = (
        "For each term k an element of each of 14 rows of x is broadcast and multiplied with two vectors of "
        "a panel; the products are added to 28 vectors of sums in registers."
    )
    return picture(604, bottom + 75, "A tile of 14 rows and 32 outputs", description, *parts)


def loaded(first: float, second: float, width: float) -> Iterator[Element]:
    """Yield the two vectors of weights, lane by lane, and the arrows from them."""
    for x in (first, second):
        for lane in range(LANES):
            pitch = width / LANES
            yield box(x + lane * pitch, 46.0, pitch - 1.5, 20.0, **ORANGE, fill_opacity="0.45")
        middle = x + width / 2
        yield line(middle, 70, middle, 108, class_="edge", stroke_width="1.4")
        yield element("path", d=f"M {middle - 4} 106 h 8 l -4 8 z", class_="ink")
        yield text(middle + 10, 94, "1 load: 16 lanes", **SMALL)


def sums(first: float, second: float, width: float, top: float, row: float) -> Iterator[Element]:
    """Yield the tile's sums, a box for each register."""
    for i in range(TILE_ROWS):
        for x in (first, second):
            yield box(
                x, top + row * i + 2, width, row - 4, rx=2.0, class_="edge", fill="none", stroke_width="1.2"
            )


def arrow(x: float, y: float, to: float) -> Element:
    """Return an arrow to the right."""
    return element(
        "g",
        line(x, y, to - 5, y, class_="edge", stroke_width="0.9"),
        element("path", d=f"M {to - 6} {y - 3} v 6 l 6 -3 z", class_="ink"),
    )


def panels() -> str:
    """Return how 40 rows of weights become two panels."""
    top, pitch, k = 80.0, 5.0, 140.0  # a line of W for each output
    height, wide = 40 * pitch, k / 10
    right, line_high = 330.0, 20.0
    lines = 10  # of a panel: one for each input
    parts = [
        text(24, 34, "W: a row for each output, as given"),
        text(24, 52, "40 outputs, 10 inputs", **SMALL),
        box(24, top, k, 32 * pitch, **ORANGE, fill_opacity="0.3"),
        box(24, top + 32 * pitch, k, 8 * pitch, **BLUE, fill_opacity="0.3"),
        *(line(24, top + pitch * i, 24 + k, top + pitch * i, class_="rule") for i in range(1, 40)),
        text(24 + k + 10, top + 16 * pitch + 4, "outputs 0 to 31", **SMALL),
        text(24 + k + 10, top + 36 * pitch + 4, "outputs 32 to 39", **SMALL),
        box(24 + 3 * wide, top, wide, height, fill="none", class_="edge", stroke_width="1.6"),
        text(24 + 3.5 * wide, top + height + 17, "input 3", "middle", **SMALL),
        text(right, 34, "Panels: a line for each input, in the order of reading"),
        text(right, 52, "panel 0: 32 wide", **SMALL),
        text(right + 230, 52, "panel 1: 16 wide", **SMALL),
        *panel(right, top, 32, 32, lines, line_high, ORANGE),
        *panel(right + 230, top, 16, 8, lines, line_high, BLUE),
        text(right, top + height + 17, "2 vectors a line", **SMALL),
        text(right + 230, top + height + 17, "1 vector, 8 lanes idle", **SMALL),
    ]
    description = (
        "A matrix of 40 outputs and 10 inputs becomes a panel of the first 32 outputs and one of the last 8, "
        "filled up to 16 lanes. A column of the matrix is a line of a panel."
    )
    return picture(704, top + height + 34, "Weights, packed into panels", description, *parts)


def panel(
    x: float, top: float, lanes: int, used: int, lines: int, high: float, colour: dict[str, str]
) -> Iterator[Element]:
    """Yield a panel's lines, cut into vectors, the fourth with an outline; lanes that idle are empty."""
    lane = 6.2
    yield box(x, top, used * lane, lines * high, fill_opacity="0.3", stroke="none", fill=colour["fill"])
    for i in range(lines):
        for vector in range(lanes // LANES):
            yield box(
                x + vector * LANES * lane, top + i * high, LANES * lane, high, fill="none", class_="rule"
            )
    yield box(x, top + 3 * high, lanes * lane, high, fill="none", class_="edge", stroke_width="1.6")


def blocks() -> str:
    """Return how blocks of rows go through all layers, between two buffers."""
    top, high, gap = 84.0, 44.0, 12.0
    bottom = top + 2 * BLOCKS * (high + gap)
    parts = [
        text(24, 34, "x, in memory"),
        text(210, 34, "a block at a time goes through all layers"),
        text(610, 34, "y, in memory"),
        text(24, 58, "blocks of 112 rows", **SMALL),
        text(210, 58, "between two buffers that stay in the thread's caches", **SMALL),
        *rows_of(24, 100, top, high, gap, "thread"),
        *rows_of(610, 70, top, high, gap, ""),
        *through(POSITIVE, top, high),
        text(210, top + high * 1.5 + gap + 4, "then the next one, through the same buffers", **SMALL),
        *through(NEGATIVE, top + BLOCKS * (high + gap), high),
    ]
    description = (
        "The rows of x are cut into blocks of up to 112. A thread takes a block through every layer, between "
        "two buffers that stay in its caches, and writes only the last layer's outputs to memory."
    )
    return picture(704, bottom + 16, "Row blocks", description, *parts)


def rows_of(x: float, width: float, top: float, high: float, gap: float, noun: str) -> Iterator[Element]:
    """Yield the blocks of an array, in the colours of the threads that take them."""
    for i in range(2 * BLOCKS):
        y = top + i * (high + gap)
        colour = POSITIVE if i < BLOCKS else NEGATIVE
        yield box(x, y, width, high, rx=3.0, fill=colour, stroke=colour, fill_opacity="0.3")
        yield text(
            x + width / 2, y + high / 2 + 4, f"{noun} {1 + i // BLOCKS}".strip() if noun else "", "middle"
        )


def through(colour: str, top: float, high: float) -> Iterator[Element]:
    """Yield a block's way: into the first buffer, to the other one and back, out."""
    steps = [(210.0, "layer 1"), (345.0, "layer 2"), (480.0, "layer 3")]
    y = top + high / 2
    yield arrow(130, y, 204)
    for (x, name), buffer in zip(steps, ("buffer A", "buffer B", ""), strict=True):
        yield box(x, top, 62, high, rx=3.0, fill="none", class_="edge", stroke_width="1.4")
        yield text(x + 31, y + 4, name, "middle")
        if buffer:
            yield box(x + 62 + 5, top + 6, 63, high - 12, rx=3.0, fill=colour, fill_opacity="0.18")
            yield text(x + 62 + 36.5, y + 4, buffer, "middle", font_size="11")
    yield arrow(548, y, 604)


DRAWINGS = {"kernels-tile": tile, "kernels-panels": panels, "kernels-blocks": blocks}


def main() -> int:
    """Write the drawings."""
    for name, draw in DRAWINGS.items():
        (IMAGES / f"{name}.svg").write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
