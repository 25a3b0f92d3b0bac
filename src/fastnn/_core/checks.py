"""What every entry point asks of its arguments."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np


def wrong_type(name: str, value: object, expected: str) -> TypeError:
    """Return the error of an argument of another type than it should be."""
    return TypeError(f"{name} has type {type(value).__name__}, expected {expected}")


def real_array(name: str, value: Any) -> np.ndarray[Any, Any]:
    """Return `value` as an array of real numbers of whatever dtype, or say why it isn't one.

    What is returned is no subclass, which can say that it has another shape than it has, and no array of the
    caller's, whose shape another thread can set.
    """
    try:
        array = np.asarray(value).view()
    except ValueError as error:
        raise ValueError(f"{name} can't be made an array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    return array


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return `out` to be written to, or raise unless it has that shape and dtype and can be written.

    What is returned is an array of our own on the same memory, as `real_array`'s.
    """
    if not isinstance(out, np.ndarray):
        raise wrong_type("out", out, "a NumPy array")
    plain = np.asarray(out).view()
    if plain.shape != shape:
        raise ValueError(f"out has shape {plain.shape}, expected {shape}")
    if plain.dtype != dtype:
        raise TypeError(f"out has dtype {plain.dtype}, expected {dtype}")
    if not plain.flags.writeable:
        raise ValueError("out is read-only, expected an array that can be written")
    return plain


def may_overlap(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Return whether two arrays share an element, or might: the exact answer can be too hard."""
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]  # NumPy's stub knows 0 and -1
    except np.exceptions.TooHardError:
        return True


def thread_count(name: str, value: Any) -> int:
    """Return `value` as a number of threads."""
    return min(positive_integer(name, value), MAX_THREADS)


def positive_integer(name: str, value: Any) -> int:
    """Return `value` as an integer, or say why it isn't one from 1 up."""
    if isinstance(value, bool):
        raise wrong_type(name, value, "an integer from 1 up")
    try:
        count = index(value)
    except TypeError:
        raise wrong_type(name, value, "an integer from 1 up") from None
    if count < 1:
        raise ValueError(f"{name} is {count}, expected an integer from 1 up")
    return count


MAX_THREADS = 1024
