"""The functions of one number that are swept: how each is called, what is exact, how far it may be off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from exact import ACTIVATION_FORMULAS, DERIVATIVE_FORMULAS, MP, Formula
from support import ELEMENTWISE, Array
from test_accuracy import DERIVATIVE_LIMIT, EXP_LIMIT, LIMITS

from fastnn._core.dispatch import ACTIVATIONS, Kernels

F32 = np.dtype(np.float32)
EXP_NORMAL = -87.0  # above this, no exponential of float32 is subnormal
ODD = ("identity", "tanh")


class Swept(NamedTuple):
    """A function of one float32, its exact value in float64 and in mpmath, and its limit in ULP."""

    name: str
    call: Callable[[Kernels, Array, Array], None]
    formula: Formula
    limit: float
    # Whether the limit is for normal results alone.
    normal: bool = False
    # Whether f(-z) is -f(z) to the last bit.
    odd: bool = False


def last_of_pair(number: int) -> Callable[[Kernels, Array, Array], None]:
    """Return what takes softmax or log-softmax of every (0, z) and keeps z's place."""

    def call(kernels: Kernels, z: Array, out: Array) -> None:
        pairs = np.zeros((len(z), 2), z.dtype)
        pairs[:, 1] = z
        kernels.normalize(number, pairs)
        out[:] = pairs[:, 1]

    return call


def _exp(z: Array) -> Array:
    return np.exp(-np.abs(z))


def _normal_exp(z: Array) -> Array:
    return np.exp(np.maximum(-np.abs(z), EXP_NORMAL))


def _finite(formula: Formula) -> Formula:
    """Return a formula that is NaN for +inf, since it makes a whole row NaN."""
    return Formula(lambda z: np.where(z == np.inf, np.nan, formula.numpy(z)), formula.mpmath)


LOG_SIGMOID = Formula(
    lambda z: np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z))),
    lambda z: min(z, 0) - MP.log1p(MP.exp(-abs(z))),
)


def _swept() -> tuple[Swept, ...]:
    functions = [
        Swept(
            "exp",
            lambda kernels, z, out: kernels.exponential(z, out),
            Formula(_exp, lambda z: MP.exp(-abs(z))),
            EXP_LIMIT,
        ),
        Swept(
            "exp, normal",
            lambda kernels, z, out: kernels.exponential(z, out, True),
            Formula(_normal_exp, lambda z: MP.exp(max(-abs(z), EXP_NORMAL))),
            EXP_LIMIT,
        ),
    ]
    for name in ELEMENTWISE:
        number = ACTIVATIONS[name]
        functions += [
            Swept(
                name,
                lambda kernels, z, out, number=number: kernels.activate(number, z, out),
                ACTIVATION_FORMULAS[name],
                LIMITS[name, F32],
                odd=name in ODD,
            ),
            Swept(
                f"{name}'",
                lambda kernels, z, out, number=number: kernels.differentiate(number, z, out),
                DERIVATIVE_FORMULAS[name],
                DERIVATIVE_LIMIT,
            ),
        ]
    for name, formula in (("softmax", ACTIVATION_FORMULAS["sigmoid"]), ("log_softmax", LOG_SIGMOID)):
        call = last_of_pair(ACTIVATIONS[name])
        functions.append(Swept(f"{name} of (0, z)", call, _finite(formula), LIMITS[name, F32], normal=True))
    return tuple(functions)


SWEPT: dict[str, Swept] = {function.name: function for function in _swept()}


def settled(function: Swept, z: Any, got: Any) -> float:
    """Return how far a result is off in ULP, to the last digit: in mpmath's 200 bits."""
    if not np.isfinite(z):
        return 0.0
    exact = function.formula.mpmath(MP.mpf(float(z)))
    exponent = max(MP.frexp(exact)[1] - 1, -126) - 23 if exact else -149
    return float(abs(MP.mpf(float(got)) - exact) / MP.ldexp(1, exponent))
