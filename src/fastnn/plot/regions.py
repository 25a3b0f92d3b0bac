"""What a network of two inputs decides, in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn._core.activation_names import parse
from fastnn._core.checks import positive_integer, real_array, wrong_type
from fastnn.layers import converted
from fastnn.network import Network
from fastnn.plot.library import SMALL, library, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, Any]

CLASSES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe & Ito: for all eyes
MOST_NAMED = 12  # classes in the legend
SIGMOIDS = ("sigmoid", "hard_sigmoid")


def decision_regions(
    net: Network,
    points: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    bounds: Sequence[Sequence[float]] | None = None,
    resolution: int = 300,
    axes: Axes | None = None,
) -> Axes:
    """Plot which class a network of two inputs gives to each point of the plane.

    With several outputs, the class is that of the largest; with one, it is 1 where the output is above 0.5
    (after a sigmoid) or above 0 (else). Where an output is NaN, nothing is drawn.

    Parameters
    ----------
    net : Network
        With 2 inputs.
    points : array_like, shape (B, 2), optional
        Examples to show in the plane.
    labels : array_like of int, shape (B,), optional
        The examples' classes, whole numbers from 0: each is coloured as its class's region.
    bounds : ((float, float), (float, float)), optional
        The range of each input; by default where the points are and a little more, without points -3 to 3.
    resolution : int, default 300
        How many examples are computed along each axis.
    axes : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If net is no Network, points, labels or bounds hold no real numbers, or resolution is no integer.
    ValueError
        If net has not 2 inputs, points, labels or bounds have another shape, points or bounds hold NaN or
        infinity, labels hold something else than the classes' numbers, or resolution is below 2.
    ImportError
        If matplotlib isn't installed.

    Examples
    --------
    >>> import fastnn
    >>> net = fastnn.Network([fastnn.Dense([[1.0, 1.0]], [-1.5], "sigmoid")])
    >>> axes = fastnn.plot.decision_regions(net, [[0, 0], [1, 1]], [0, 1])
    """
    if not isinstance(net, Network):
        raise wrong_type("net", net, "a Network")
    if net.n_inputs != 2 or not net.n_outputs:
        raise ValueError(
            f"net has {net.n_inputs} inputs and {net.n_outputs} outputs, expected 2 and at least 1"
        )
    if positive_integer("resolution", resolution) < 2:
        raise ValueError(f"resolution is {resolution}, expected at least 2")
    shown = None if points is None else pairs("points", points)
    n = max(net.n_outputs, 2)
    classes = None if labels is None else classes_of(labels, shown, n)
    ranges = around(shown) if bounds is None else checked_bounds(bounds)
    x, y = np.meshgrid(*(np.linspace(low, high, resolution) for low, high in ranges))
    region = classify(net, np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    axes = axes or new_axes(5.0, 4.6)
    colours = library("colors").ListedColormap([CLASSES[k % len(CLASSES)] for k in range(n)])
    scale: dict[str, Any] = {"cmap": colours, "vmin": -0.5, "vmax": n - 0.5}
    axes.pcolormesh(x, y, region, shading="nearest", alpha=0.35, rasterized=True, **scale)
    if shown is not None:
        look = {"color": "0.2"} if classes is None else {"c": classes, **scale}
        axes.scatter(*shown.T, edgecolors="white", linewidths=0.8, **look)
    axes.set(xlabel="x1", ylabel="x2", xlim=ranges[0], ylim=ranges[1])
    patch = library("patches").Patch
    found = np.unique(region.compressed())[:MOST_NAMED]
    axes.legend(
        handles=[patch(color=colours(int(k)), alpha=0.6, label=f"class {k}") for k in found],
        fontsize=SMALL,
        loc="upper right",  # looking for the best place takes long, and matplotlib then warns of it
    )
    return axes


def classify(net: Network, x: Array) -> np.ma.MaskedArray[Any, Any]:
    """Return the class that a network gives to each example, none where an output is NaN."""
    y = net(x)
    if net.n_outputs > 1:
        classes = y.argmax(axis=1)
    else:
        threshold = 0.5 if parse(net.layers[-1].activation).row.name in SIGMOIDS else 0.0
        classes = np.where(y[:, 0] > threshold, 1, 0)
    return np.ma.MaskedArray(classes, np.isnan(y).any(axis=1))


def pairs(name: str, values: ArrayLike) -> Array:
    """Return rows of two finite numbers, or raise."""
    array = real_array(name, values)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} has shape {array.shape}, expected (B, 2)")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
    return converted(array, np.dtype(np.float64))


def classes_of(labels: ArrayLike, points: Array | None, n: int) -> Array:
    """Return one of n classes for each point, or raise."""
    classes = real_array("labels", labels)
    if points is None:
        raise ValueError("labels are given without points")
    if classes.shape != points.shape[:1]:
        raise ValueError(
            f"labels has shape {classes.shape}, but points {points.shape} expects {points.shape[:1]}"
        )
    wrong = classes[~np.isin(classes, np.arange(n))]
    if wrong.size:
        raise ValueError(f"labels holds {wrong[0]}, expected whole numbers from 0 to {n - 1}")
    return classes.astype(np.intp)


def checked_bounds(bounds: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Return the range of each input, or raise."""
    array = real_array("bounds", bounds)
    if array.shape != (2, 2) or not (np.isfinite(array).all() and (array[:, 0] < array[:, 1]).all()):
        raise ValueError(f"bounds is {bounds}, expected ((low, high), (low, high)), finite, low < high")
    return [(float(low), float(high)) for low, high in array]


def around(points: Array | None) -> list[tuple[float, float]]:
    """Return the ranges in which points are, and a little more."""
    if points is None or not len(points):
        return [(-3.0, 3.0)] * 2
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.maximum(0.1 * (high - low), 0.1)
    return [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
