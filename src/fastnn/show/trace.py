"""The steps of a calculation, as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

import numpy as np

from fastnn import activations
from fastnn._core.activation_names import parse
from fastnn.show.elements import element

if TYPE_CHECKING:
    from fastnn.network import Step, Trace

Array = np.ndarray[Any, Any]

MOST_EXAMPLES = 5
MOST_UNITS = 16
SMALL, LARGE = 1e-5, 1e16  # numbers between are written without a power of ten
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
    """Return an array's numbers."""
    return np.array2string(array, separator=", ", prefix=" " * 7, formatter={"float_kind": number})


def number(value: Any) -> str:
    """Return a number with at most five decimals, as a power of ten where those would say too little."""
    if not isinstance(value, np.floating):
        return str(value)
    if value == 0:
        return "0"
    if np.isfinite(value) and not SMALL <= abs(value) < LARGE:
        return np.format_float_scientific(value, precision=5, trim="-", exp_digits=1)
    return np.format_float_positional(value, precision=5, trim="-")


def html(trace: Trace) -> Element:
    """Return every layer's Z and A for the first examples; the cells of neurons that are off are hatched."""
    captions: dict[tuple[int, ...], str] = {(): "one example"}
    if trace.x.ndim == 2:
        shown_rows = range(min(len(trace.x), MOST_EXAMPLES))
        captions = {(row,): f"row {row} of {len(trace.x):,}" for row in shown_rows}
    hatched = {index: [off(step, index) for step in trace] for index in captions}
    parts = [table(trace, index, hatched[index], caption) for index, caption in captions.items()]
    return element("div", *parts, *legend(hatched.values()))


def legend(hatched: Iterable[list[Array]]) -> Iterator[Element]:
    """Yield what hatched cells mean, if there are any: of each example, those of each layer."""
    layers = [any(cells[:MOST_UNITS].any() for cells in layer) for layer in zip(*hatched, strict=True)]
    if any(layers):
        effect = ", so nothing of them reaches the next layer" if any(layers[:-1]) else ""
        yield element("p", f"Hatched: neurons that are off. They give 0{effect}.")


def off(step: Step, index: tuple[int, ...] = ()) -> Array:
    """Return which neurons are off for an example.

    Those are they whose activation gives 0 at their z and beside it, as relu does and tanh doesn't.
    """
    z, a = step.z[index], step.a[index]
    if parse(step.activation).row.row_wise:
        return np.zeros(a.shape, bool)
    with np.errstate(all="ignore"):
        below, above = (activations.apply(step.activation, z + shift) == 0 for shift in (-1, 1))
    found: Array = (a == 0) & (below | above)
    return found


def table(trace: Trace, index: tuple[int, ...], hatched: list[Array], caption: str) -> Element:
    """Return one example's x, Z and A."""
    lines = [line("x", trace.x[index], set())]
    for i, (step, cells) in enumerate(zip(trace, hatched, strict=True), 1):
        lines.append(line(f"Z{i}", step.z[index], set()))
        lines.append(line(f"A{i}, {step.activation}", step.a[index], set(np.flatnonzero(cells))))
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
