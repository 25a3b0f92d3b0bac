"""Activations and their derivatives as curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastnn import activations as functions
from fastnn._core.activation_table import ACTIVATIONS
from fastnn._core.checks import wrong_type
from fastnn.plot.library import SMALL, library
from fastnn.show.svg import NEGATIVE, POSITIVE

Array = np.ndarray[Any, Any]

COLUMNS = 4


def activations(names: str | Sequence[str] | None = None, low: float = -7.0, high: float = 7.0) -> Array:
    """Plot activations, each with its derivative.

    Parameters
    ----------
    names : str or sequence of str, optional
        Elementwise activations, or one; by default all of them.
    low, high : float, default -7 and 7
        The range of z.

    Returns
    -------
    ndarray of Axes, shape (len(names),)
        One for each activation, of a new figure.

    Raises
    ------
    TypeError
        If names is no sequence, or one of them is no text.
    ValueError
        If there are no names, one is no activation's or needs a whole row (softmax), or low isn't below high.
    ImportError
        If matplotlib isn't installed.

    Examples
    --------
    >>> import fastnn
    >>> axes = fastnn.plot.activations(["relu", "tanh"])
    """
    if names is None:
        chosen = [row.name for row in ACTIVATIONS if not row.row_wise]
    elif isinstance(names, str):
        chosen = [names]
    elif isinstance(names, Iterable):
        chosen = list(names)
    else:
        raise wrong_type("names", names, "the name of an activation or a sequence of them")
    if not chosen:
        raise ValueError("names is empty, expected at least one activation")
    for name in chosen:
        if functions.parse(name).row.row_wise:
            raise ValueError(f"names has {name!r}, which needs a whole row: expected elementwise activations")
    if not low < high:
        raise ValueError(f"low is {low} and high is {high}, expected low < high")
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    size = (2.9 * columns, 2.4 * rows)
    grid = library("pyplot").subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)[1]
    z = np.linspace(low, high, 401)
    for axes, name in zip(grid.flat, chosen, strict=False):
        axes.axhline(0, color="0.5", linewidth=0.6)
        axes.axvline(0, color="0.5", linewidth=0.6)
        axes.plot(z, functions.apply(name, z), color=POSITIVE, label="activation")
        axes.plot(z, functions.derivative(name, z), "--", color=NEGATIVE, label="derivative")
        axes.set_title(name)
        axes.set_xlabel("z")
    grid.flat[0].legend(fontsize=SMALL, loc="upper left")
    for axes in grid.flat[len(chosen) :]:
        axes.remove()
    drawn: Array = grid.flat[: len(chosen)]
    return drawn
