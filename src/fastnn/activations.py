"""Activation functions of arrays, and their derivatives.

float32 and float16 input gives float32, every other real dtype float64. Lists and scalars are fine; a scalar
gives a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn._core import dispatch
from fastnn._core.checks import check_out, may_overlap, real_array

Array = np.ndarray[Any, Any]

NAMES = tuple(dispatch.ACTIVATIONS)


def check_name(name: object) -> str:
    """Return `name` if it is an activation's, or raise."""
    if not isinstance(name, str):
        raise TypeError(f"activation is a {type(name).__name__}, expected one of {', '.join(NAMES)}")
    if name not in NAMES:
        raise ValueError(f"activation is {name!r}, expected one of {', '.join(NAMES)}")
    return name


def apply(name: str, z: ArrayLike) -> Any:
    """Return the named activation of z, over the last axis where it needs a whole row."""
    if name in dispatch.ROW_WISE:
        return _normalize(name, z, None, -1)
    return _elementwise(dispatch.Kernels.activate, name, z, None)


def relu(z: ArrayLike, out: Array | None = None) -> Any:
    """Return max(0, z), elementwise.

    Parameters
    ----------
    z : array_like
        Real numbers, of any shape and dtype.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.

    Returns
    -------
    ndarray or scalar
        float32 for float32 and float16 input, else float64; `out` if given. NaN gives NaN, -0 gives -0.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.relu([-2.5, 0.0, 3.1])
    array([0. , 0. , 3.1])
    """
    return _elementwise(dispatch.Kernels.activate, "relu", z, out)


def sigmoid(z: ArrayLike, out: Array | None = None) -> Any:
    """Return the logistic function 1 / (1 + e^-z), elementwise.

    Parameters
    ----------
    z : array_like
        Real numbers, of any shape and dtype.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.

    Returns
    -------
    ndarray or scalar
        In [0, 1], within 1.5 ULP, subnormal results included. float32 for float32 and float16 input, else
        float64; `out` if given.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.sigmoid([-3.0, 0.0, 3.0]).round(3)
    array([0.047, 0.5  , 0.953])
    """
    return _elementwise(dispatch.Kernels.activate, "sigmoid", z, out)


def tanh(z: ArrayLike, out: Array | None = None) -> Any:
    """Return the hyperbolic tangent, elementwise.

    Parameters
    ----------
    z : array_like
        Real numbers, of any shape and dtype.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.

    Returns
    -------
    ndarray or scalar
        In [-1, 1], within 1 ULP, and odd to the last bit. float32 for float32 and float16 input, else
        float64; `out` if given.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.tanh([-2.0, 0.0, 2.0]).round(3)
    array([-0.964,  0.   ,  0.964])
    """
    return _elementwise(dispatch.Kernels.activate, "tanh", z, out)


def relu_derivative(z: ArrayLike, out: Array | None = None) -> Any:
    """Return the derivative of ReLU at z: 1 where z > 0, else 0 (at 0 as well, by convention).

    Parameters
    ----------
    z : array_like
        Real numbers, of any shape and dtype.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.

    Returns
    -------
    ndarray or scalar
        float32 for float32 and float16 input, else float64; `out` if given.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.relu_derivative([-2.5, 0.0, 3.1])
    array([0., 0., 1.])
    """
    return _elementwise(dispatch.Kernels.differentiate, "relu", z, out)


def sigmoid_derivative(z: ArrayLike, out: Array | None = None) -> Any:
    """Return the derivative of the logistic function at z, s (1 - s) with s = sigmoid(z).

    Parameters
    ----------
    z : array_like
        Real numbers, of any shape and dtype.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.

    Returns
    -------
    ndarray or scalar
        Computed as e / (1 + e)^2 with e = e^-|z|, so it keeps its digits where s is near 1. float32 for
        float32 and float16 input, else float64; `out` if given.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.sigmoid_derivative([-3.0, 0.0, 3.0]).round(3)
    array([0.045, 0.25 , 0.045])
    """
    return _elementwise(dispatch.Kernels.differentiate, "sigmoid", z, out)


def tanh_derivative(z: ArrayLike, out: Array | None = None) -> Any:
    """Return the derivative of tanh at z, 1 - tanh(z)^2.

    Parameters
    ----------
    z : array_like
        Real numbers, of any shape and dtype.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.

    Returns
    -------
    ndarray or scalar
        Computed as 4 e / (1 + e)^2 with e = e^-2|z|, so it keeps its digits where tanh is near 1. float32
        for float32 and float16 input, else float64; `out` if given.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.tanh_derivative([-2.0, 0.0, 2.0]).round(3)
    array([0.071, 1.   , 0.071])
    """
    return _elementwise(dispatch.Kernels.differentiate, "tanh", z, out)


def softmax(z: ArrayLike, out: Array | None = None, axis: int = -1) -> Array:
    """Return e^z_i / sum_j e^z_j along an axis.

    Parameters
    ----------
    z : array_like
        Real numbers, of any dtype, with at least one axis.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.
    axis : int, default -1
        The axis along which the results sum to 1.

    Returns
    -------
    ndarray
        Within 4 ULP. NaN throughout a row that holds NaN or +inf, or nothing but -inf. float32 for float32
        and float16 input, else float64; `out` if given.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If z has no such axis, or `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.softmax([0.74, 0.59]).round(5)
    array([0.53743, 0.46257])
    """
    return _normalize("softmax", z, out, axis)


def log_softmax(z: ArrayLike, out: Array | None = None, axis: int = -1) -> Array:
    """Return the logarithm of the softmax of z along an axis, also where it is near 0 or far below.

    Parameters
    ----------
    z : array_like
        Real numbers, of any dtype, with at least one axis.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.
    axis : int, default -1
        The axis along which the softmax sums to 1.

    Returns
    -------
    ndarray
        Within 2 ULP (float64: 3). NaN throughout a row that holds NaN or +inf, or nothing but -inf. float32
        for float32 and float16 input, else float64; `out` if given.

    Raises
    ------
    TypeError
        If z holds no real numbers, or `out` has another dtype.
    ValueError
        If z has no such axis, or `out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.log_softmax([0.74, 0.59]).round(5)
    array([-0.62096, -0.77096])
    >>> fastnn.log_softmax([0.0, -40.0])[0]
    np.float64(-4.248354255291589e-18)
    """
    return _normalize("log_softmax", z, out, axis)


def _result_dtype(z: Array) -> np.dtype[Any]:
    return np.dtype(np.float32 if z.dtype.kind == "f" and z.dtype.itemsize <= 4 else np.float64)


def _elementwise(
    method: Callable[[dispatch.Kernels, int, Array, Array], None], name: str, z: ArrayLike, out: Array | None
) -> Any:
    source = real_array("z", z)
    dtype = _result_dtype(source)
    kernels = dispatch.kernels(dtype)
    number = dispatch.ACTIVATIONS[name]
    if out is None:
        target = np.empty(source.shape, dtype)
    else:
        check_out(out, source.shape, dtype)
        target = out
    if source.dtype == dtype and source.flags.carray and target.flags.carray and _may_run(source, target):
        method(kernels, number, source, target)
    else:
        _run_buffered(method, kernels, number, source, target)
    return target if out is not None or target.ndim else target[()]


def _may_run(source: Array, target: Array) -> bool:
    same = source.__array_interface__["data"][0] == target.__array_interface__["data"][0]
    return (same and source.strides == target.strides) or not may_overlap(source, target)


def _run_buffered(
    method: Callable[[dispatch.Kernels, int, Array, Array], None],
    kernels: dispatch.Kernels,
    number: int,
    source: Array,
    target: Array,
) -> None:
    # NumPy's stubs don't know "contig", which makes every chunk one run of memory.
    op_flags: Any = [["readonly", "contig", "aligned", "nbo"], ["writeonly", "contig", "aligned", "nbo"]]
    chunks = np.nditer(
        (source, target),
        flags=["external_loop", "buffered", "zerosize_ok", "copy_if_overlap"],
        op_flags=op_flags,
        op_dtypes=[kernels.dtype, kernels.dtype],
        casting="unsafe",
    )
    with chunks:
        for z, a in chunks:
            method(kernels, number, z, a)


def _normalize(name: str, z: ArrayLike, out: Array | None, axis: int) -> Array:
    source = real_array("z", z)
    if source.ndim == 0:
        raise ValueError("z is a scalar, expected at least one axis")
    try:
        axis = index(axis)
    except TypeError:
        raise TypeError(f"axis is a {type(axis).__name__}, expected an integer") from None
    if not -source.ndim <= axis < source.ndim:
        raise ValueError(f"axis is {axis}, but z has shape {source.shape}")
    dtype = _result_dtype(source)
    if out is None:
        target = np.empty(source.shape, dtype)
    else:
        check_out(out, source.shape, dtype)
        target = out
    if not _may_run(source, target):
        source = source.copy()
    if axis in (-1, source.ndim - 1) and target.flags.carray:
        np.copyto(target, source, casting="unsafe")
        rows = target
    else:
        rows = np.array(np.moveaxis(source, axis, -1), dtype=dtype, order="C")
    dispatch.kernels(dtype).normalize(dispatch.ACTIVATIONS[name], rows)
    if rows is not target:
        np.copyto(np.moveaxis(target, axis, -1), rows)
    return target
