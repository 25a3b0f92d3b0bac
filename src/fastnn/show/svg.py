"""Drawings of layers as SVG, for light and dark pages: text has the page's colour, others are middling."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

import numpy as np

from fastnn.show.elements import element
from fastnn.show.layout import BLOCK, FOOT, LINE, Column, Layout, layout, parts, plural, widths_of

if TYPE_CHECKING:
    from fastnn.layers import Dense

POSITIVE, NEGATIVE = "#2f7fd1", "#cf6a17"  # at least 3:1 on white and on black, and told apart by all eyes
DASHES = "5 3"  # of negative weights, so that colour isn't all that tells them
FONT = "system-ui, sans-serif"


def drawing(layers: Sequence[Dense], key: str | None = None, live: bool = False) -> Element:
    """Return a drawing of some layers.

    Parameters
    ----------
    layers : sequence of Dense
        Each fed by the one before.
    key : str, optional
        What its ids begin with; by default another one for each drawing, so that a page can have many.
    live : bool, default False
        With an empty text in each unit, ``data-layer`` and ``data-unit`` saying which it is: for a script.

    Returns
    -------
    Element
        An ``svg``.
    """
    key = key or f"fastnn-{secrets.token_hex(4)}"
    plan = layout(layers)
    title, description = f"{key}-title", f"{key}-description"
    edges = [edge for a, b in plan.links() for edge in edges_of(plan, a, b, layers)]
    return element(
        "svg",
        element("title", heading(layers), id=title),
        element("desc", described(layers), id=description),
        element("g", *bands(plan), fill="currentColor", fill_opacity="0.08"),
        element("g", *edges, fill="none"),
        element("g", *gaps(plan), font_size="24", text_anchor="middle"),
        *(part for column in plan.columns for part in column_of(plan, column, layers, live)),
        *(legend(plan) if edges else ()),
        viewBox=f"0 0 {plan.width:.0f} {plan.height:.0f}",
        width=f"{plan.width:.0f}",
        height=f"{plan.height:.0f}",
        role="img",
        aria_labelledby=f"{title} {description}",
        fill="currentColor",
        font_family=FONT,
        font_size="12",
    )


def heading(layers: Sequence[Dense]) -> str:
    """Return the drawing's title."""
    widths = "-".join(map(str, widths_of(layers)))
    return f"Network {widths} with {plural(sum(layer.n_parameters for layer in layers), 'parameter')}"


def described(layers: Sequence[Dense]) -> str:
    """Return the drawing in words."""
    parts = (
        f"layer {i} has {plural(layer.n_outputs, 'neuron')}, {layer.activation}"
        for i, layer in enumerate(layers, 1)
    )
    return f"{plural(layers[0].n_inputs, 'input')}; {'; '.join(parts)}."


def bands(plan: Layout) -> Iterator[Element]:
    """Yield what joins columns of which one is a block."""
    for a, b in plan.links():
        if not (a.units and b.units):
            yield element("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in plan.band(a, b)))


def edges_of(plan: Layout, a: Column, b: Column, layers: Sequence[Dense]) -> Iterator[Element]:
    """Yield a line for each weight between two columns of units, the smallest first; 0 has none."""
    if not (a.units and b.units):
        return
    weight = layers[b.layer - 1].weight
    sizes = parts(weight)
    for index in np.argsort(sizes, axis=None, kind="stable"):
        j, i = divmod(int(index), len(a.units))
        value, part = weight[j, i], sizes[j, i]
        if value == 0:
            continue
        yield element(
            "line",
            element("title", f"weight of {name(a, i)} in {name(b, j)}: {value}"),
            x1=a.x + plan.radius,
            y1=a.units[i],
            x2=b.x - plan.radius,
            y2=b.units[j],
            **stroke_of(value),
            stroke_width=f"{0.6 + 3.0 * part:.2f}",
            stroke_opacity=f"{0.45 + 0.5 * part:.2f}",
        )


def stroke_of(value: float) -> dict[str, str]:
    """Return how a weight of that sign is drawn; NaN has none and the text's colour."""
    if value > 0:
        return {"stroke": POSITIVE}
    return {"stroke": NEGATIVE if value < 0 else "currentColor", "stroke_dasharray": DASHES}


def name(column: Column, unit: int) -> str:
    """Return what a unit is called."""
    return f"layer {column.layer}, neuron {unit + 1}" if column.layer else f"input {unit + 1}"


def gaps(plan: Layout) -> Iterator[Element]:
    """Yield the signs for the columns that are left out."""
    for a, b in plan.gaps():
        yield element("text", "…", x=(a.x + b.x) / 2, y=(a.top + a.bottom) / 2)


def column_of(plan: Layout, column: Column, layers: Sequence[Dense], live: bool) -> Iterator[Element]:
    """Yield the inputs, or a layer, and what is written above and below."""
    middle = {"x": column.x, "text_anchor": "middle"}
    yield element("text", column.title, **middle, y=18.0, fill_opacity="0.75")
    if column.units:
        yield from (unit_of(plan, column, k, layers, live) for k in range(column.n))
    else:
        yield block_of(column)
    for i, line in enumerate(column.captions):
        y = plan.height - FOOT + LINE * (i + 1.2)
        yield element("text", line, **middle, y=y, fill_opacity="0.75" if i > 1 else "1")


def unit_of(plan: Layout, column: Column, unit: int, layers: Sequence[Dense], live: bool) -> Element:
    """Return an input or a neuron."""
    y = column.units[unit]
    bias = layers[column.layer - 1].bias if column.layer else None
    title = name(column, unit) + ("" if bias is None else f": bias {bias[unit]}")
    circle = element(
        "circle", cx=column.x, cy=y, r=plan.radius, fill="none", stroke="currentColor", stroke_width="1.4"
    )
    group = element("g", element("title", title), circle)
    if live:
        size = plan.radius * 0.58
        value = element("text", x=column.x, y=y + size * 0.36, text_anchor="middle", font_size=size)
        group.append(value)
        group.set("data-layer", str(column.layer))
        group.set("data-unit", str(unit))
    return group


def block_of(column: Column) -> Element:
    """Return a column of more units than could be shown."""
    middle = (column.top + column.bottom) / 2
    return element(
        "g",
        element(
            "rect",
            x=column.x - BLOCK / 2,
            y=column.top,
            width=BLOCK,
            height=column.bottom - column.top,
            rx=6.0,
            fill_opacity="0.12",
            stroke="currentColor",
            stroke_width="1.4",
        ),
        element("text", f"{column.n:,}", x=column.x, y=middle + 4, text_anchor="middle"),
    )


def legend(plan: Layout) -> Iterator[Element]:
    """Yield what the lines mean."""
    y = plan.height - 4
    for x, value, text in ((8.0, 1.0, "positive weight"), (8.0 + 132, -1.0, "negative weight")):
        yield element("line", x1=x, y1=y - 4, x2=x + 24, y2=y - 4, **stroke_of(value), stroke_width="2.5")
        yield element("text", text, x=x + 30, y=y, fill_opacity="0.75", font_size="11")
