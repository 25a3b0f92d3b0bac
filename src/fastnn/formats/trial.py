"""A model in memory on trial: a few rows through it and through the layers that were read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.layers import Dense

Array = np.ndarray[Any, Any]

ROWS = 8


def rows(layers: Sequence[Dense]) -> Array:
    """Return rows of random numbers in the layers' dtype, the same every time."""
    return np.random.default_rng(0).standard_normal((ROWS, layers[0].n_inputs)).astype(layers[0].dtype)


def outputs(layers: Sequence[Dense], x: Array) -> Array:
    """Return what layers make of rows."""
    for layer in layers:
        x = layer(x)
    return x


def same(expected: Array, a: Array, limit: Array) -> bool:
    """Whether outputs agree but for a limit, which broadcasts to them; NaN agrees with NaN."""
    if expected.shape != a.shape:
        return False
    return bool(np.all(np.isclose(a, expected, rtol=0, atol=limit, equal_nan=True)))


def largest(a: Array, axis: int | None = None) -> Array:
    """Return the largest size of a finite number along an axis, or of all."""
    return np.asarray(np.max(np.abs(a), axis=axis, initial=0, where=np.isfinite(a)))
