"""The functions of one number that are swept: how each is called, what is exact, how far it may be off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from exact import MP, Formula, formula_of
from support import ELEMENTWISE, Array, Limits, floors, limit, limits
from test_accuracy import EXP_LIMIT

from fastnn._core.activation_names import Chosen, parse
from fastnn._core.dispatch import Kernels

F32 = np.dtype(np.float32)
LEAST_NORMAL = 2.0**-126
EXP_NORMAL = -87.0  # above this, no exponential of float32 is subnormal
ODD = ("identity", "tanh", "softsign")


class Swept(NamedTuple):
    """A function of one float32, its exact value in float64 and in mpmath, and its limit in ULP."""

    name: str
    call: Callable[[Kernels, Array, Array], None]
    formula: Formula
    limit: float
    # Whether the limit is for normal results alone.
    normal: bool = False
    # Which say where an ULP stops shrinking.
    limits: Limits = Limits(0, 0)
    # Whether f(-z) is -f(z) to the last bit.
    odd: bool = False


def last_of_pair(activation: Chosen) -> Callable[[Kernels, Array, Array], None]:
    """Return what takes softmax or log-softmax of every (0, z) and keeps z's place."""

    def call(kernels: Kernels, z: Array, out: Array) -> None:
        pairs = np.zeros((len(z), 2), z.dtype)
        pairs[:, 1] = z
        kernels.normalize(activation, pairs)
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
        activation = parse(name)
        functions += [
            Swept(
                name,
                lambda kernels, z, out, chosen=activation: kernels.activate(chosen, z, out),
                formula_of(name, F32),
                limit(name, F32),
                limits=limits(name),
                odd=name in ODD,
            ),
            Swept(
                f"{name}'",
                lambda kernels, z, out, chosen=activation: kernels.differentiate(chosen, z, out),
                formula_of(name, F32, derivative=True),
                limit(name, F32, derivative=True),
                limits=limits(name, derivative=True),
            ),
        ]
    for name, formula in (("softmax", formula_of("sigmoid", F32)), ("log_softmax", LOG_SIGMOID)):
        call = last_of_pair(parse(name))
        functions.append(Swept(f"{name} of (0, z)", call, _finite(formula), limit(name, F32), normal=True))
    return tuple(functions)


SWEPT: dict[str, Swept] = {function.name: function for function in _swept()}


def settled(function: Swept, z: Any, got: Any) -> float:
    """Return how far the result of a finite z is off in ULP, to the last digit: in mpmath's 200 bits."""
    exact = function.formula.mpmath(MP.mpf(float(z)))
    least = max(float(floors(function.limits, z)), LEAST_NORMAL)
    exponent = MP.frexp(max(abs(exact), least))[1] - 24
    return float(abs(MP.mpf(float(got)) - exact) / MP.ldexp(1, exponent))
