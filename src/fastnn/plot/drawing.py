"""A network drawn: its units and weights, and what they give for one example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn._core.checks import real_array, wrong_type
from fastnn.extras import need
from fastnn.layers import Dense, converted
from fastnn.network import Network, Trace
from fastnn.plot.library import SMALL, library, new_axes
from fastnn.show.layout import BLOCK, FOOT, LINE, RADIUS, Column, Layout, layout, parts
from fastnn.show.svg import NEGATIVE, POSITIVE
from fastnn.show.trace import off

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, Any]

PIXELS = 80.0  # of a layout, in an inch


def network(net: Network | Dense, x: ArrayLike | None = None, axes: Axes | None = None) -> Axes:
    """Draw a network: units and weights while they fit, else blocks.

    Parameters
    ----------
    net : Network or Dense
        What to draw.
    x : array_like, shape (n_inputs,), optional
        One example: each unit then shows its output, and neurons that are off, as relu's at 0,
        are hatched.
    axes : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If net is something else, or x holds no real numbers.
    ValueError
        If x has another shape.
    ImportError
        If matplotlib isn't installed.

    Examples
    --------
    >>> import fastnn
    >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2], [-0.3, 0.4]], [0.1, -0.2], "relu")])
    >>> axes = fastnn.plot.network(net, [1.0, -2.0])
    """
    if isinstance(net, Dense):
        net = Network([net])
    if not isinstance(net, Network):
        raise wrong_type("net", net, "a Network or a Dense")
    steps = None if x is None else trace_of(net, x)
    plan = layout(net.layers)
    axes = axes or new_axes(plan.width / PIXELS, plan.height / PIXELS)
    axes.set(xlim=(0, plan.width), ylim=(plan.height, 0), aspect="equal")
    axes.set_axis_off()
    for a, b in plan.links():
        draw_link(axes, plan, a, b, net.layers[b.layer - 1].weight)
    for a, b in plan.gaps():
        axes.text((a.x + b.x) / 2, (a.top + a.bottom) / 2, "…", ha="center", fontsize=2 * SMALL)
    for column in plan.columns:
        draw_column(axes, plan, column, steps)
    return axes


def trace_of(net: Network, x: ArrayLike) -> Trace:
    """Return the steps of one example, which has the network's dtype like all that follows from it."""
    example = real_array("x", x)
    if example.shape != (net.n_inputs,):
        raise ValueError(f"x has shape {example.shape}, expected ({net.n_inputs},)")
    return net.trace(converted(example, net.dtype))


def draw_link(axes: Axes, plan: Layout, a: Column, b: Column, weight: Array) -> None:
    """Draw what joins two columns: a line for each weight, or a band."""
    collections = library("collections")
    if not (a.units and b.units):
        band = collections.PolyCollection([plan.band(a, b)], facecolor="0.5", alpha=0.2, linewidth=0)
        axes.add_collection(band, autolim=False)
        return
    sizes = parts(weight)
    kinds = (
        (weight > 0, POSITIVE, "-"),
        (weight < 0, NEGATIVE, "--"),
        (np.isnan(weight), ink(), "--"),
    )
    for chosen, colour, style in kinds:
        pairs = np.argwhere(chosen)
        if not len(pairs):
            continue
        size = sizes[tuple(pairs.T)]
        lines = [[(a.x + plan.radius, a.units[i]), (b.x - plan.radius, b.units[j])] for j, i in pairs]
        looks = {
            "colors": colour,
            "linestyles": style,
            "linewidths": 0.5 + 2.5 * size,
            "alpha": 0.45 + 0.5 * size,
        }
        axes.add_collection(collections.LineCollection(lines, **looks), autolim=False)


def draw_column(axes: Axes, plan: Layout, column: Column, steps: Trace | None) -> None:
    """Draw the inputs, or a layer, and what is written above and below."""
    axes.text(column.x, 14, column.title, ha="center", fontsize=SMALL, alpha=0.75)
    for i, line in enumerate(column.captions):
        axes.text(column.x, plan.height - FOOT + LINE * (i + 1.2), line, ha="center", fontsize=SMALL)
    if column.units:
        draw_units(axes, plan, column, steps)
    else:
        draw_block(axes, column)


def draw_block(axes: Axes, column: Column) -> None:
    """Draw a column of more units than could be shown."""
    corner, height = (column.x - BLOCK / 2, column.top), column.bottom - column.top
    box = {"xy": corner, "width": BLOCK, "height": height}
    axes.add_patch(library("patches").Rectangle(**box, facecolor="0.5", alpha=0.3))
    axes.add_patch(library("patches").Rectangle(**box, fill=False, edgecolor=ink()))
    axes.text(column.x, (column.top + column.bottom) / 2, f"{column.n:,}", ha="center", va="center")


def draw_units(axes: Axes, plan: Layout, column: Column, steps: Trace | None) -> None:
    """Draw a column's units, and what each gives: the more, the fuller its colour; hatched if it is off."""
    circle = library("patches").Circle
    values, hatched = outputs(column, steps)
    sizes = np.zeros(column.n) if values is None else parts(values)
    for k, y in enumerate(column.units):
        place = {"xy": (column.x, y), "radius": plan.radius}
        if values is not None:
            if hatched[k]:
                axes.add_patch(
                    circle(**place, fill=False, edgecolor="0.5", hatch="////", linewidth=0, alpha=0.5)
                )
            elif not np.isnan(values[k]):
                colour = POSITIVE if values[k] > 0 else NEGATIVE
                axes.add_patch(circle(**place, facecolor=colour, alpha=0.6 * sizes[k], linewidth=0))
            size = SMALL * plan.radius / RADIUS
            axes.text(column.x, y, short(values[k]), ha="center", va="center", fontsize=size)
        axes.add_patch(circle(**place, fill=False, edgecolor=ink()))


def outputs(column: Column, steps: Trace | None) -> tuple[Array | None, Array]:
    """Return what a column's units give, if there is an example, and which of them are off."""
    if steps is None or not column.layer:
        return (None if steps is None else steps.x), np.zeros(column.n, bool)
    step = steps[column.layer - 1]
    return step.a, off(step)


def short(value: float) -> str:
    """Return a number with as many digits as fit into a unit: 0.0976 would be too long."""
    size = abs(value)
    if size != 0 and (size < 0.001 or size >= 10_000):
        return f"{value:.0e}"
    return f"{round(value, 3):g}" if size < 1 else f"{value:.3g}"


def ink() -> str:
    """Return the colour of text in the style that is set."""
    return str(need("matplotlib", "Plotting").rcParams["text.color"])
