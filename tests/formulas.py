"""What tests and benchmarks take as exact: formulas of numbers wider than the results.

They work on NumPy's real types, or with another library's `exp` and `log1p` on arrays of its numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Function = Callable[[Any], Any]


def sigmoid(z: Any, exp: Function = np.exp, where: Callable[..., Any] = np.where) -> Any:
    e = exp(-abs(z))
    return where(z < 0, e, 1) / (1 + e)


def softmax(rows: Array, exp: Function = np.exp) -> Array:
    e, others = exponentials(rows, exp)
    value: Array = e / (1 + others)
    return value


def log_softmax(rows: Array, exp: Function = np.exp, log1p: Function = np.log1p) -> Array:
    value: Array = rows - rows.max(axis=1, keepdims=True) - log1p(exponentials(rows, exp)[1])
    return value


def exponentials(rows: Array, exp: Function) -> tuple[Array, Array]:
    """Return e^(z - max), and for each row the sum of all of them but one maximum's 1."""
    e = exp(rows - rows.max(axis=1, keepdims=True))
    rest = e.copy()
    rest[np.arange(len(rows)), rows.argmax(axis=1)] = 0
    return e, rest.sum(axis=1, keepdims=True)
