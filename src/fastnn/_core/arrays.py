"""The activations' kernels over arrays of any dtype and layout."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn._core import dispatch
from fastnn._core.activation_names import Chosen, choose
from fastnn._core.checks import check_out, may_overlap, real_array, wrong_type

Array = np.ndarray[Any, Any]
Kernel = Callable[[dispatch.Kernels, Chosen, Array, Array], None]


def activate(name: str, parameters: tuple[object, ...], z: ArrayLike, out: Array | None = None) -> Any:
    """Return an elementwise activation of z."""
    return elementwise(dispatch.Kernels.activate, choose(name, parameters), z, out)


def differentiate(name: str, parameters: tuple[object, ...], z: ArrayLike, out: Array | None = None) -> Any:
    """Return the derivative of an elementwise activation at z."""
    return elementwise(dispatch.Kernels.differentiate, choose(name, parameters), z, out)


def _result_dtype(z: Array) -> np.dtype[Any]:
    return np.dtype(np.float32 if z.dtype.kind == "f" and z.dtype.itemsize <= 4 else np.float64)


def elementwise(method: Kernel, activation: Chosen, z: ArrayLike, out: Array | None = None) -> Any:
    """Return what a kernel makes of every element of z."""
    source = real_array("z", z)
    dtype = _result_dtype(source)
    kernels = dispatch.kernels(dtype)
    target = np.empty(source.shape, dtype) if out is None else check_out(out, source.shape, dtype)
    if source.dtype == dtype and source.flags.carray and target.flags.carray and _may_run(source, target):
        method(kernels, activation, source, target)
    else:
        with dispatch.StandardMode():
            _run_buffered(method, kernels, activation, source, target)
    if out is not None:
        return out
    return target if target.ndim else target[()]


def _may_run(source: Array, target: Array) -> bool:
    same = dispatch.address(source) == dispatch.address(target) and source.strides == target.strides
    return same or not may_overlap(source, target)


def _run_buffered(
    method: Kernel, kernels: dispatch.Kernels, activation: Chosen, source: Array, target: Array
) -> None:
    # NumPy's stubs don't know "contig", which makes every chunk one run of memory.
    op_flags: Any = [["readonly", "contig", "aligned", "nbo"], ["writeonly", "contig", "aligned", "nbo"]]
    # Before NumPy 2.3 what is in a buffer never reaches an array without axes.
    chunks = np.nditer(
        (np.atleast_1d(source), np.atleast_1d(target)),
        flags=["external_loop", "buffered", "zerosize_ok", "copy_if_overlap"],
        op_flags=op_flags,
        op_dtypes=[kernels.dtype, kernels.dtype],
        casting="unsafe",
    )
    with chunks:
        for z, a in chunks:
            method(kernels, activation, z, a)


def normalize(activation: Chosen, z: ArrayLike, out: Array | None = None, axis: int = -1) -> Array:
    """Return the softmax or log-softmax of z along an axis."""
    source = real_array("z", z)
    if source.ndim == 0:
        raise ValueError("z is a scalar, expected at least one axis")
    try:
        axis = index(axis)
    except TypeError:
        raise wrong_type("axis", axis, "an integer") from None
    if not -source.ndim <= axis < source.ndim:
        raise ValueError(f"axis is {axis}, but z has shape {source.shape}")
    dtype = _result_dtype(source)
    target = np.empty(source.shape, dtype) if out is None else check_out(out, source.shape, dtype)
    if not _may_run(source, target):
        source = source.copy()
    # Setting NumPy's error state takes a third of a small call's time.
    quiet = nullcontext() if source.dtype == dtype else np.errstate(all="ignore")
    with quiet, dispatch.StandardMode():
        if axis in (-1, source.ndim - 1) and target.flags.carray:
            np.copyto(target, source, casting="unsafe")
            rows = target
        else:
            rows = np.array(np.moveaxis(source, axis, -1), dtype=dtype, order="C")
    dispatch.kernels(dtype).normalize(activation, rows)
    if rows is not target:
        np.copyto(np.moveaxis(target, axis, -1), rows)
    return target if out is None else out
