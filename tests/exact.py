"""Exact values of the activations, and errors in units in the last place (ULP).

For float32, float64 is exact enough: its formulas here stay within a few of its own ULP, 2^-29 of float32's.
For float64, mpmath computes with 200 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import formulas
import mpmath
import numpy as np
from support import Array

from fastnn._core.activation_names import parse

MP = mpmath.mp.clone()
MP.prec = 200


class Exact(NamedTuple):
    """Values (whole + fraction) 2^exponent of about that size; 2^exponent is the dtype's ULP there."""

    exponent: Array
    whole: Array
    fraction: Array
    size: Array


def exact(values: Array, dtype: Any, floors: Any = 0.0) -> Exact:
    """Return values, float64 for float32 and mpmath's for float64, in ULP, at least those of `floors`."""
    info = np.finfo(dtype)
    hi = values.astype(np.float64)
    size = np.maximum(np.maximum(np.abs(hi), floors), float(info.smallest_normal))
    exponent = np.frexp(size)[1] - 1 - info.nmant
    whole = np.ldexp(hi, -exponent)
    fraction = np.zeros_like(whole)
    if values.dtype == object:
        rest = [
            MP.ldexp(v, -int(k)) - w for v, k, w in zip(values.flat, exponent.flat, whole.flat, strict=True)
        ]
        fraction = np.array(rest, dtype=np.float64).reshape(whole.shape)
    return Exact(exponent, whole, fraction, np.abs(hi))


def ulp_errors(got: Array, expected: Exact) -> Array:
    """Return how far each result is off, in ULP; infinite where it isn't a number, 0 for a due infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.ldexp(got.astype(np.float64), -expected.exponent) - expected.whole - expected.fraction
        overflown = np.isinf(got) & (got == (np.copysign(expected.size, expected.whole)).astype(got.dtype))
    return np.where(overflown, 0, np.where(np.isnan(off), np.inf, np.abs(off)))


class Formula(NamedTuple):
    """A function of a real number over NumPy's float64, for float32, and over mpmath's, for float64."""

    numpy: Callable[[Array], Array]
    mpmath: Callable[[Any], Any]

    def __call__(self, z: Array, floors: Any = 0.0) -> Exact:
        if z.dtype == np.float32:
            with np.errstate(all="ignore"):
                return exact(self.numpy(z.astype(np.float64)), np.float32, floors)
        values = np.empty(z.shape, object)
        values.flat = [self.mpmath(MP.mpf(float(v))) for v in z.flat]
        return exact(values, np.float64, floors)


class Library(NamedTuple):
    """What formulas are written with; `where` is NumPy's, and `rounded` rounds to the kernels' dtype."""

    exp: Callable[[Any], Any]
    expm1: Callable[[Any], Any]
    log1p: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    erfc: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    pi: Any
    where: Callable[[Any, Any, Any], Any]
    rounded: Callable[[Any], Any]


def _erfc(x: Array) -> Array:
    """Return erfc of x >= 0 by `math`, which is slow, where it isn't 1 - 2 x / sqrt(pi) or 0."""
    result = np.where(x < 1, 1 - 2 / np.sqrt(np.pi) * x, x * 0)
    near = (x > 1e-9) & (x < 28)
    result[near] = [math.erfc(value) for value in x[near].tolist()]
    return result


NUMPY = Library(
    exp=np.exp,
    expm1=np.expm1,
    log1p=np.log1p,
    tanh=np.tanh,
    erfc=_erfc,
    sqrt=np.sqrt,
    pi=np.pi,
    where=np.where,
    rounded=lambda x: np.float64(np.float32(x)),
)
MPMATH = Library(
    exp=MP.exp,
    expm1=MP.expm1,
    log1p=MP.log1p,
    tanh=MP.tanh,
    erfc=MP.erfc,
    sqrt=MP.sqrt,
    pi=+MP.pi,
    where=lambda truth, yes, no: yes if truth else no,
    rounded=lambda x: MP.mpf(float(x)),
)


def _bounded(f: Library, z: Any) -> Any:
    # Beyond, e^z is 0 or irrelevant; infinities give NaN in products.
    return f.where(z < -2000, -2000, f.where(z > 2000, 2000, z))


def _sigmoid(f: Library, z: Any) -> Any:
    return formulas.sigmoid(z, f.exp, f.where)


def _sigmoid_slope(f: Library, z: Any) -> Any:
    e = f.exp(-abs(z))
    return e / (1 + e) ** 2


def _gated(f: Library, z: Any, v: Any) -> Any:
    return f.where(z > 0, z, _bounded(f, z)) * _sigmoid(f, v)


def _gated_slope(f: Library, z: Any, v: Any, slope: Any) -> Any:
    return _sigmoid(f, v) + z * slope * _sigmoid_slope(f, v)


def _gelu(f: Library, z: Any) -> Any:
    y = abs(_bounded(f, z))
    return f.where(z < 0, 0, z) - y * f.erfc(y / f.sqrt(2)) / 2


def _gelu_slope(f: Library, z: Any) -> Any:
    y = abs(_bounded(f, z))
    less = f.erfc(y / f.sqrt(2)) / 2 - y * f.exp(-y * y / 2) / f.sqrt(2 * f.pi)
    return f.where(z < 0, less, 1 - less)


def _gelu_argument(f: Library, z: Any) -> Any:
    return 2 * f.sqrt(2 / f.pi) * (z + 44715 * z * z * z / 10**6)


def _gelu_tanh_slope(f: Library, z: Any) -> Any:
    z = _bounded(f, z)
    slope = 2 * f.sqrt(2 / f.pi) * (1 + 3 * 44715 * z * z / 10**6)
    return _gated_slope(f, z, _gelu_argument(f, z), slope)


def _line(f: Library, z: Any, alpha: Any, beta: Any) -> Any:
    return f.rounded(f.rounded(alpha * z) + beta)


SELU_ALPHA = MP.mpf("1.6732632423543772848170429916717")
SELU_SCALE = MP.mpf("1.0507009873554804934193349852946")


def _selu(f: Library, positive: Any, negative: Any, z: Any) -> Any:
    scale, product = SELU_SCALE, SELU_SCALE * SELU_ALPHA
    if f is NUMPY:
        scale, product = float(scale), float(product)
    return f.where(z > 0, scale * positive, product * negative)


ACTIVATION_FORMULAS: dict[str, Callable[..., Any]] = {
    "identity": lambda f, z: z,
    "relu": lambda f, z: f.where(z < 0, 0, z),
    "sigmoid": _sigmoid,
    "tanh": lambda f, z: f.tanh(z),
    "leaky_relu": lambda f, z, slope: f.where(z > 0, z, slope * z),
    "softsign": lambda f, z: f.where(abs(z) == math.inf, f.where(z < 0, -1, 1), z / (1 + abs(z))),
    "hard_sigmoid": lambda f, z, alpha, beta: _clip(f, alpha * z + beta, 0, 1),
    "hard_swish": lambda f, z: f.where(z < -3, 0, f.where(z > 3, z, z * (z + 3) / 6)),
    "elu": lambda f, z, alpha: f.where(z > 0, z, alpha * f.expm1(z)),
    "selu": lambda f, z: _selu(f, z, f.expm1(z), z),
    "silu": lambda f, z: _gated(f, z, z),
    "softplus": lambda f, z: f.where(z < 0, 0, z) + f.log1p(f.exp(-abs(z))),
    "gelu": _gelu,
    "gelu_tanh": lambda f, z: _gated(f, z, _gelu_argument(f, _bounded(f, z))),
    "clip": lambda f, z, low, high: _clip(f, z, low, high),
}
DERIVATIVE_FORMULAS: dict[str, Callable[..., Any]] = {
    "identity": lambda f, z: f.where(z < 0, 1, 1),
    "relu": lambda f, z: f.where(z > 0, 1, 0),
    "sigmoid": _sigmoid_slope,
    "tanh": lambda f, z: 4 * _sigmoid_slope(f, 2 * z),
    "leaky_relu": lambda f, z, slope: f.where(z > 0, 1, slope),
    "softsign": lambda f, z: 1 / (1 + abs(z)) ** 2,
    "hard_sigmoid": lambda f, z, alpha, beta: alpha * _between(f, _line(f, z, alpha, beta), 0, 1),
    "hard_swish": lambda f, z: f.where(z <= -3, 0, f.where(z >= 3, 1, (2 * z + 3) / 6)),
    "elu": lambda f, z, alpha: f.where(z > 0, 1, alpha * f.exp(z)),
    "selu": lambda f, z: _selu(f, 1, f.exp(z), z),
    "silu": lambda f, z: _gated_slope(f, _bounded(f, z), z, 1),
    "softplus": _sigmoid,
    "gelu": _gelu_slope,
    "gelu_tanh": _gelu_tanh_slope,
    "clip": lambda f, z, low, high: _between(f, z, low, high),
}


def _clip(f: Library, z: Any, low: Any, high: Any) -> Any:
    return f.where(z < low, low, f.where(z > high, high, z))


def _between(f: Library, z: Any, low: Any, high: Any) -> Any:
    return f.where(z > low, f.where(z < high, 1, 0), 0)


def formula_of(name: str, dtype: Any, derivative: bool = False) -> Formula:
    """Return an activation's formula as one of z alone, with the parameters that a dtype's kernels have."""
    chosen = parse(name)
    formula = (DERIVATIVE_FORMULAS if derivative else ACTIVATION_FORMULAS)[chosen.row.name]
    parameters = [float(np.dtype(dtype).type(p)) for p in chosen.parameters]
    exactly = [MP.mpf(p) for p in parameters]
    return Formula(lambda z: formula(NUMPY, z, *parameters), lambda z: formula(MPMATH, z, *exactly))


def softmax(rows: Array) -> Array:
    """Return the exact softmax of each row, to be passed to `exact`."""
    if rows.dtype == np.float32:
        return formulas.softmax(rows.astype(np.float64))
    return formulas.softmax(_mp_numbers(rows), _mp_exp)


def log_softmax(rows: Array) -> Array:
    """Return the exact log-softmax of each row, to be passed to `exact`."""
    if rows.dtype == np.float32:
        return formulas.log_softmax(rows.astype(np.float64))
    return formulas.log_softmax(_mp_numbers(rows), _mp_exp, _mp_log1p)


_mp_numbers, _mp_exp, _mp_log1p = (
    np.frompyfunc(function, 1, 1) for function in (lambda z: MP.mpf(float(z)), MP.exp, MP.log1p)
)

ROW_FORMULAS = {"softmax": softmax, "log_softmax": log_softmax}
