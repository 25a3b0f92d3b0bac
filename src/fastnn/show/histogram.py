"""A layer's weights as a histogram, and what there is to say of them in a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

import numpy as np

from fastnn.show.elements import element
from fastnn.show.layout import plural
from fastnn.show.svg import FONT, NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from fastnn.layers import Dense

Array = np.ndarray[Any, Any]

BARS = 40  # an even number: no bar has weights of both signs
WIDTH, HEIGHT = 280.0, 120.0
FOOT = 18.0


def histogram(layer: Dense, name: str) -> Element:
    """Return a figure of a layer's weights."""
    finite = layer.weight[np.isfinite(layer.weight)].astype(np.float64)
    largest = float(np.max(np.abs(finite), initial=0.0)) or 1.0
    with np.errstate(all="ignore"):
        counts, _ = np.histogram(finite / largest, BARS, (-1.0, 1.0))
    title = f"{name}: {described(layer.weight, finite)}"
    picture = element(
        "svg",
        *bars(counts),
        *axis(largest),
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT + FOOT:.0f}",
        role="img",
        aria_label=f"Histogram of the weights of {title}",
        fill="currentColor",
        font_family=FONT,
        font_size="11",
    )
    return element("figure", picture, element("figcaption", title))


def described(weight: Array, finite: Array) -> str:
    """Return how many weights there are, and how they lie."""
    parts = [plural(weight.size, "weight")]
    if finite.size:
        with np.errstate(all="ignore"):
            parts.append(f"from {finite.min():.4g} to {finite.max():.4g}")
            parts.append(f"mean {finite.mean():.4g}, standard deviation {finite.std():.4g}")
    zeros = int(np.count_nonzero(finite == 0))
    if zeros:
        parts.append(f"{zeros:,} of them 0")
    if finite.size < weight.size:
        parts.append(f"{weight.size - finite.size:,} not finite")
    return ", ".join(parts)


def bars(counts: Array) -> Iterator[Element]:
    """Yield a bar for each count."""
    width = WIDTH / len(counts)
    most = max(int(counts.max()), 1)
    for i, count in enumerate(counts):
        if count:
            height = max(HEIGHT * float(count) / most, 1.0)
            colour = NEGATIVE if i < len(counts) // 2 else POSITIVE
            place = {"x": i * width + 0.5, "y": HEIGHT - height, "width": width - 1, "height": height}
            yield element("rect", element("title", f"{count:,}"), **place, fill=colour)


def axis(largest: float) -> Iterator[Element]:
    """Yield the line below the bars, and its numbers."""
    yield element("line", x1=0.0, y1=HEIGHT, x2=WIDTH, y2=HEIGHT, stroke="currentColor")
    for x, anchor, value in ((0.0, "start", -largest), (WIDTH / 2, "middle", 0.0), (WIDTH, "end", largest)):
        yield element("text", f"{value:.3g}", x=x, y=HEIGHT + 14, text_anchor=anchor)
