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

# SELU's, by Klambauer et al. (2017).
SCALE = MP.mpf("1.0507009873554804934193349852946")
ALPHA = MP.mpf("1.6732632423543772848170429916717")


class Exact(NamedTuple):
    """Values (whole + fraction) 2^exponent of about that size; 2^exponent is the dtype's ULP there."""

    exponent: Array
    whole: Array
    fraction: Array
    size: Array


def exact(values: Array, dtype: Any, floor: float = 0.0) -> Exact:
    """Return values, float64 for float32 and mpmath's for float64, in ULP, at least those of `floor`."""
    info = np.finfo(dtype)
    hi = values.astype(np.float64)
    exponent = np.maximum(np.frexp(hi)[1] - 1, info.minexp) - info.nmant
    exponent = np.where(hi == 0, info.minexp - info.nmant, exponent)
    if floor:
        exponent = np.maximum(exponent, np.frexp(floor)[1] - 1 - info.nmant)
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


# Each formula twice: over NumPy's exp and friends, and over mpmath's, one number at a time.


class Formula(NamedTuple):
    """A function of a real number and an activation's parameters, over either library."""

    numpy: Callable[..., Array]
    mpmath: Callable[..., Any]

    def __call__(self, z: Array, floor: float = 0.0) -> Exact:
        if z.dtype == np.float32:
            return exact(self.numpy(z.astype(np.float64)), np.float32, floor)
        values = np.empty(z.shape, object)
        values.flat = [self.mpmath(MP.mpf(float(v))) for v in z.flat]
        return exact(values, np.float64, floor)


def _mp_sigmoid(z: Any) -> Any:
    e = MP.exp(-abs(z))
    return (e if z < 0 else 1) / (1 + e)


def _slope(exp: Callable[[Any], Any], z: Any) -> Any:
    e = exp(-abs(z))
    return e / (1 + e) ** 2


def _silu(exp: Callable[[Any], Any], z: Any) -> Any:
    return z * _sigmoid(exp, z)


def _silu_slope(exp: Callable[[Any], Any], z: Any) -> Any:
    e = exp(-abs(z))
    below = e * (1 + e - abs(z)) / (1 + e) ** 2
    return np.where(z < 0, below, 1 - below) if isinstance(z, np.ndarray) else below if z < 0 else 1 - below


def _normal(z: Array) -> Array:
    """Return the probability that a normally distributed number is below each z."""
    x = z / -math.sqrt(2)
    p = np.where(x > 0, 0.0, 1.0)
    near = (np.abs(x) < 40) & (np.abs(x) > 2.0**-30)
    p[near] = np.fromiter(map(math.erfc, x[near].tolist()), float) / 2
    # Nearer to 0, where half of all numbers are, the first two terms.
    return np.where(np.abs(x) <= 2.0**-30, 0.5 - x / math.sqrt(math.pi), np.where(np.isnan(z), z, p))


def _gelu_slope(z: Array) -> Array:
    z = np.clip(z, -37, 37)  # subnormal exponentials take their time, and are 0 in float32
    return _normal(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _mp_gelu(z: Any) -> Any:
    return z if z > 50 else z * MP.ncdf(z) if z > -50 else MP.mpf(0)


def _mp_gelu_slope(z: Any) -> Any:
    return MP.ncdf(z) + z * MP.npdf(z) if abs(z) < 50 else MP.mpf(int(z > 0))


def _tanh_argument(z: Any, root: Any, factor: Any) -> Any:
    return 2 * root * (z + factor * z * z * z)


def _gelu_tanh(z: Array) -> Array:
    z = np.where(np.isnan(z), z, np.fmax(z, -20))
    u = _tanh_argument(np.fmin(z, 20), math.sqrt(2 / math.pi), 0.044715)
    return z * _sigmoid(np.exp, u)


def _gelu_tanh_slope(z: Array) -> Array:
    z = np.clip(z, -20, 20)
    u = _tanh_argument(z, math.sqrt(2 / math.pi), 0.044715)
    slope = 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z * z)
    return _sigmoid(np.exp, u) + z * _slope(np.exp, u) * slope


def _mp_tanh_argument(z: Any) -> Any:
    return _tanh_argument(z, MP.sqrt(2 / MP.pi), MP.mpf("0.044715"))


def _mp_gelu_tanh(z: Any) -> Any:
    return z if z > 50 else z * _sigmoid(MP.exp, _mp_tanh_argument(z)) if z > -50 else MP.mpf(0)


def _mp_gelu_tanh_slope(z: Any) -> Any:
    if abs(z) > 50:
        return MP.mpf(int(z > 0))
    u = _mp_tanh_argument(z)
    slope = 2 * MP.sqrt(2 / MP.pi) * (1 + 3 * MP.mpf("0.044715") * z * z)
    return _sigmoid(MP.exp, u) + z * _slope(MP.exp, u) * slope


ACTIVATION_FORMULAS = {
    "identity": Formula(lambda z: z, lambda z: z),
    "relu": Formula(lambda z: np.maximum(z, 0), lambda z: max(z, 0)),
    "sigmoid": Formula(formulas.sigmoid, _mp_sigmoid),
    "tanh": Formula(np.tanh, MP.tanh),
    "leaky_relu": Formula(lambda z, a: np.where(z > 0, z, a * z), lambda z, a: z if z > 0 else a * z),
    "softsign": Formula(
        lambda z: np.where(np.isinf(z), np.sign(z), z / (1 + np.abs(z))), lambda z: z / (1 + abs(z))
    ),
    "hard_sigmoid": Formula(
        lambda z, a, b: np.clip(a * z + b, 0, 1), lambda z, a, b: min(max(a * z + b, 0), 1)
    ),
    "hard_swish": Formula(
        lambda z: np.where(z < -3, 0, np.where(z > 3, z, z * (z + 3) / 6)),
        lambda z: 0 if z < -3 else z if z > 3 else z * (z + 3) / 6,
    ),
    "gelu": Formula(lambda z: np.where(np.isinf(z), np.fmax(z, 0), z * _normal(z)), _mp_gelu),
    "gelu_tanh": Formula(_gelu_tanh, _mp_gelu_tanh),
    "clip": Formula(np.clip, lambda z, a, b: min(max(z, a), b)),
    "elu": Formula(
        lambda z, a: np.where(z > 0, z, a * np.expm1(np.minimum(z, 0))),
        lambda z, a: z if z > 0 else a * MP.expm1(z),
    ),
    "selu": Formula(
        lambda z: np.where(z > 0, float(SCALE) * z, float(SCALE * ALPHA) * np.expm1(np.minimum(z, 0))),
        lambda z: SCALE * z if z > 0 else SCALE * ALPHA * MP.expm1(z),
    ),
    "silu": Formula(lambda z: _silu(np.exp, np.maximum(z, -800)), lambda z: _silu(MP.exp, z)),
    "softplus": Formula(
        lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))),
        lambda z: max(z, 0) + MP.log1p(MP.exp(-abs(z))),
    ),
}
DERIVATIVE_FORMULAS = {
    "identity": Formula(np.ones_like, lambda z: 1),
    "relu": Formula(lambda z: np.where(z > 0, 1.0, 0.0), lambda z: int(z > 0)),
    "sigmoid": Formula(lambda z: _slope(np.exp, z), lambda z: _slope(MP.exp, z)),
    "tanh": Formula(lambda z: 4 * _slope(np.exp, 2 * z), lambda z: 4 * _slope(MP.exp, 2 * z)),
    "leaky_relu": Formula(lambda z, a: np.where(z > 0, 1, a), lambda z, a: 1 if z > 0 else a),
    "softsign": Formula(lambda z: (1 + np.abs(z)) ** -2.0, lambda z: (1 + abs(z)) ** -2),
    "hard_sigmoid": Formula(
        lambda z, a, b: np.where(np.abs((a * z).astype(np.float32) + np.float32(b) - 0.5) < 0.5, a, 0),
        lambda z, a, b: a if 0 < float(a * z) + float(b) < 1 else 0,
    ),
    "hard_swish": Formula(
        lambda z: np.where(z <= -3, 0, np.where(z >= 3, 1, (2 * z + 3) / 6)),
        lambda z: 0 if z <= -3 else 1 if z >= 3 else (2 * z + 3) / 6,
    ),
    "gelu": Formula(_gelu_slope, _mp_gelu_slope),
    "gelu_tanh": Formula(_gelu_tanh_slope, _mp_gelu_tanh_slope),
    "clip": Formula(lambda z, a, b: np.where((a < z) & (z < b), 1.0, 0.0), lambda z, a, b: int(a < z < b)),
    "elu": Formula(
        lambda z, a: np.where(z > 0, 1, a * np.exp(np.minimum(z, 0))),
        lambda z, a: 1 if z > 0 else a * MP.exp(z),
    ),
    "selu": Formula(
        lambda z: np.where(z > 0, float(SCALE), float(SCALE * ALPHA) * np.exp(np.minimum(z, 0))),
        lambda z: SCALE if z > 0 else SCALE * ALPHA * MP.exp(z),
    ),
    "silu": Formula(lambda z: _silu_slope(np.exp, np.clip(z, -800, 800)), lambda z: _silu_slope(MP.exp, z)),
    "softplus": Formula(lambda z: _sigmoid(np.exp, z), lambda z: _sigmoid(MP.exp, z)),
}


def formula_of(name: str, dtype: Any, derivative: bool = False) -> Formula:
    """Return an activation's formula as one of z alone, with the parameters that a dtype's kernels have."""
    chosen = parse(name)
    numpy, mpmath = (DERIVATIVE_FORMULAS if derivative else ACTIVATION_FORMULAS)[chosen.row.name]
    parameters = [float(np.dtype(dtype).type(p)) for p in chosen.parameters]
    return Formula(lambda z: numpy(z, *parameters), lambda z: mpmath(z, *map(MP.mpf, parameters)))


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
