"""The steps of a calculation, as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

import numpy as np

from fastnn.show.elements import element

if TYPE_CHECKING:
    from fastnn.network import Trace

Array = np.ndarray[Any, Any]

MOST_EXAMPLES = 5
MOST_UNITS = 16
HATCHES = "135deg, rgba(128, 128, 128, 0.5) 0 1px, rgba(128, 128, 128, 0.18) 1px 5px"
OFF = f"background: repeating-linear-gradient({HATCHES})"


def text(trace: Trace) -> str:
    """Return every layer's Z and A, a line for each."""
    lines = [f"x    = {shown(trace.x)}"]
    for i, step in enumerate(trace, 1):
        lines.append(f"{f'Z{i}':<4} = {shown(step.z)}")
        lines.append(f"{f'A{i}':<4} = {shown(step.a)}    {step.activation}")
    return "\n".join(lines)


def shown(array: Array) -> str:
    """Return an array's numbers with at most five decimals."""
    return np.array2string(array, separator=", ", prefix=" " * 7, formatter={"float_kind": number})


def number(value: Any) -> str:
    """Return a number with at most five decimals."""
    if not isinstance(value, np.floating):
        return str(value)
    return np.format_float_positional(value, precision=5, trim="-")


def html(trace: Trace) -> Element:
    """Return every layer's Z and A for the first examples; the cells of neurons that are off are hatched."""
    if trace.x.ndim == 1:
        parts = [table(trace, (), "one example")]
    else:
        shown_rows = range(min(len(trace.x), MOST_EXAMPLES))
        parts = [table(trace, (row,), f"row {row} of {len(trace.x):,}") for row in shown_rows]
    parts.append(
        element("p", "Hatched: neurons that are off. They give 0, so nothing of them reaches the next layer.")
    )
    return element("div", *parts)


def table(trace: Trace, index: tuple[int, ...], caption: str) -> Element:
    """Return one example's x, Z and A."""
    lines = [line("x", trace.x[index], set())]
    for i, step in enumerate(trace, 1):
        lines.append(line(f"Z{i}", step.z[index], set()))
        lines.append(line(f"A{i}, {step.activation}", step.a[index], set(np.flatnonzero(step.a[index] == 0))))
    return element("table", element("caption", caption), element("tbody", *lines))


def line(name: str, values: Array, off: set[int]) -> Element:
    """Return a row of a table."""
    return element("tr", element("th", name, scope="row"), *cells(values, off))


def cells(values: Array, off: set[int]) -> Iterator[Element]:
    """Yield a cell for each number, as far as they fit."""
    for k, value in enumerate(values[:MOST_UNITS]):
        if k in off:
            yield element("td", number(value), " ", element("small", "off"), style=OFF)
        else:
            yield element("td", number(value))
    if len(values) > MOST_UNITS:
        yield element("td", f"… {len(values) - MOST_UNITS:,} more")
