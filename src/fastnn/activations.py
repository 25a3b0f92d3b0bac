"""Activation functions of arrays, their derivatives, and their names.

float32 and float16 input gives float32, every other real dtype float64. Lists and scalars are fine; a scalar
gives a scalar. The elementwise functions are made from the table of activations.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastnn import elementwise
from fastnn._core import arrays, dispatch
from fastnn._core.activation_names import NAMES, parse
from fastnn._core.arrays import Array
from fastnn.elementwise import *  # noqa: F403

__all__ = ["NAMES", "check_name", "log_softmax", "parse", "softmax"]
__all__ += elementwise.__all__


def check_name(name: object) -> str:
    """Return an activation's name as it is written everywhere, or raise.

    Parameters
    ----------
    name : str
        One of `NAMES`. Parameters follow in brackets, in their order; those left out have their defaults.

    Returns
    -------
    str
        With all parameters, or without them if all are the defaults.

    Raises
    ------
    TypeError
        If it is no string.
    ValueError
        If there is no such activation, or it has no such parameters.

    Examples
    --------
    >>> from fastnn.activations import check_name
    >>> check_name("leaky_relu(0.20)"), check_name("hard_sigmoid(0.2)")
    ('leaky_relu(0.2)', 'hard_sigmoid(0.2, 0.5)')
    >>> check_name("clip(0, 6)")
    'clip'
    """
    return str(parse(name))


def apply(name: str, z: ArrayLike) -> Any:
    """Return the named activation of z, over the last axis where it needs a whole row."""
    activation = parse(name)
    if activation.row.row_wise:
        return arrays.normalize(activation, z)
    return arrays.elementwise(dispatch.Kernels.activate, activation, z)


def derivative(name: str, z: ArrayLike) -> Any:
    """Return the derivative of the named activation at z, which is elementwise."""
    return arrays.elementwise(dispatch.Kernels.differentiate, parse(name), z)


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
    return arrays.normalize(parse("softmax"), z, out, axis)


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
    return arrays.normalize(parse("log_softmax"), z, out, axis)
