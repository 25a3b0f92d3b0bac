"""Activations that exporters write as several operators: SiLU as x * sigmoid(x), GELU around Erf, and others.

Where two tensors that depend on the data meet, one is often ``offset + f(u)`` and the other a multiple of the
same u. RULES says which of these pairs is which activation. Some of their parts, like Erf, are no activation
of fastnn's; such a part is an error if it is still there when all is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastnn.formats.onnx.affine import Affine
from fastnn.formats.onnx.combine import whole_bias, whole_scale
from fastnn.formats.onnx.tensors import Array

# What is read as a part of something else only, and what that is.
PARTS = {
    "erf": "GELU",
    "square": "the approximation of GELU by tanh",
    "cube": "the approximation of GELU by tanh",
    "gelu_cubic": "the approximation of GELU by tanh",
    "gelu_gate": "the approximation of GELU by tanh",
    "abs": "softsign",
    "positive": "softplus with a threshold",
}
CUBIC = 0.044715  # gelu_cubic(u) = u + CUBIC u^3
LEAST_THRESHOLD = 20 - 1e-9
ROUNDING = 1e-12  # of sums and quotients in float64
GATE_SCALE = math.sqrt(2 / math.pi)  # gelu_gate(u) = tanh(GATE_SCALE gelu_cubic(u))


class Line(NamedTuple):
    """A tensor as ``slope (u + shift)`` of another, everywhere the same."""

    slope: float
    shift: float


class Rule(NamedTuple):
    """How a part and a tensor make an activation.

    The part is ``c (inner(u) + offset)``, the tensor ``k (u + shift)``, and `ratio` is c / k where only one
    will do. Together they are ``factor(k, c)`` times the activation of ``scale (u + shift)``.
    """

    operator: str
    inner: str
    result: str
    factor: Callable[[float, float], float]
    offset: float = 0.0
    shift: float = 0.0
    scale: float = 1.0
    ratio: float | None = None

    def asks_for(self, operator: str, inner: str, line: Line, view: Line, tolerance: float) -> bool:
        """Whether a tensor and a part are what this is made of."""
        return (
            (operator, inner) == (self.operator, self.inner)
            and math.isclose(view.shift, self.offset, rel_tol=tolerance)
            and math.isclose(line.shift, self.shift, rel_tol=tolerance)
            and (self.ratio is None or math.isclose(view.slope / line.slope, self.ratio, rel_tol=tolerance))
        )


RULES = (
    Rule("Mul", "sigmoid", "silu", lambda k, c: k * c),
    Rule("Mul", "hard_sigmoid", "hard_swish", lambda k, c: k * c),
    Rule("Mul", "clip", "hard_swish", lambda k, c: 6 * k * c, shift=-3.0),
    Rule("Mul", "erf", "gelu", lambda k, c: math.sqrt(2) * k * c, offset=1.0, scale=math.sqrt(2)),
    Rule("Mul", "gelu_gate", "gelu_tanh", lambda k, c: 2 * k * c, offset=1.0),
    Rule("Mul", "square", "cube", lambda k, c: k * c),
    Rule("Mul", "square", "gelu_cubic", lambda k, c: k * c / CUBIC, offset=1 / CUBIC),
    Rule("Add", "cube", "gelu_cubic", lambda k, c: k, ratio=CUBIC),
    Rule("Div", "abs", "softsign", lambda k, c: k / c, offset=1.0),
)


def required(operator: str, first: Affine, second: Affine, label: str) -> Affine:
    """Return the activation that two tensors make, or say that they make none."""
    found = meeting(operator, first, second, label)
    if found is None:
        raise ValueError("two tensors that depend on the data, and make no activation that fastnn knows")
    return found


def meeting(operator: str, first: Affine, second: Affine, label: str) -> Affine | None:
    """Return the activation that two tensors make, if they do."""
    multiple = line_of(first, second)
    if operator == "Mul" and multiple is not None and not multiple.shift:
        return times(second.activated("square", label), multiple.slope)
    for tensor, part in [(first, second)] if operator == "Div" else [(first, second), (second, first)]:
        line, view = line_of(tensor, part.layer.before), view_of(part)
        if line is not None and view is not None:
            tolerance = tolerance_of(tensor)
            for rule in RULES:
                if rule.asks_for(operator, part.layer.activation, line, view, tolerance):
                    argument = times(tensor, snapped(rule.scale / line.slope, tolerance))
                    factor = snapped(rule.factor(line.slope, view.slope), tolerance)
                    return times(argument.activated(rule.result, label), factor)
    return None


def chosen(condition: Affine, line: Affine, curve: Affine) -> Affine:
    """Return softplus where a graph has its argument instead from a threshold on, as PyTorch has from 20.

    There softplus is larger by no more than 2.1e-9, which is 1.1e-10 of its value.
    """
    above = line_of(condition.layer.before, curve.layer.before)
    straight, view = line_of(line, curve.layer.before), view_of(curve)
    parts = condition.layer.activation, condition.plain, curve.layer.activation
    if (
        parts == ("positive", True, "softplus")
        and above is not None
        and straight is not None
        and view is not None
        and (straight.shift, view.shift) == (0.0, 0.0)
        and math.isclose(straight.slope, view.slope, rel_tol=tolerance_of(line))
        and above.slope > 0
        and -above.shift > LEAST_THRESHOLD
    ):
        return curve
    raise ValueError("a choice between two tensors, which is read in softplus with a threshold only")


def gate(tensor: Affine, label: str) -> Affine | None:
    """Return tanh of a tensor where that is a part of GELU."""
    view, before = view_of(tensor), tensor.layer.before
    if tensor.layer.activation != "gelu_cubic" or before is None or view is None or view.shift:
        return None
    if not math.isclose(view.slope, GATE_SCALE, rel_tol=tolerance_of(tensor)):
        return None
    return before.activated("gelu_gate", label)


def probabilities_of_two(tensor: Affine) -> Affine:
    """Return (1 - p, p) or (p, 1 - p), p being a sigmoid, as the softmax that it is: of (0, z) or (z, 0)."""
    z, layer = tensor.layer.before, tensor.layer
    if (
        layer.activation != "sigmoid"
        or layer.width != 1
        or tensor.matrix is not None
        or tensor.rows.size != 2
    ):
        return tensor
    assert z is not None
    scale, bias = whole_scale(tensor), whole_bias(tensor)
    itself = (scale == 1.0) & (bias == 0.0)
    if itself.sum() != 1 or not np.all(itself | ((scale == -1.0) & (bias == 1.0))):
        return tensor
    pair = z.moved(lambda part: np.broadcast_to(part.reshape(()), tensor.shape), tensor.batch)
    return pair.scaled(itself.astype(np.float64)).activated("softmax", layer.label)


def times(tensor: Affine, factor: float) -> Affine:
    """Return the tensor times a number, the same one for 1."""
    return tensor if factor == 1.0 else tensor.scaled(np.array(factor))


def line_of(tensor: Affine | None, u: Affine | None) -> Line | None:
    """Return a tensor as a line of another, if it is one."""
    if tensor is None or u is None or tensor.layer is not u.layer or tensor.matrix is not u.matrix:
        return None
    if tensor.batch != u.batch or not np.array_equal(tensor.rows, u.rows):
        return None
    slope = uniform(whole_scale(tensor) / whole_scale(u))
    if not slope:
        return None
    bias = whole_bias(u)
    shift = uniform(whole_bias(tensor) / slope - bias, float(np.abs(bias).max()))
    return None if shift is None else Line(slope, shift)


def view_of(part: Affine) -> Line | None:
    """Return a part as a line of its layer's activations, if it is one."""
    slope, term = uniform(whole_scale(part)), uniform(whole_bias(part))
    return Line(slope, term / slope) if part.plain and slope and term is not None else None


def uniform(numbers: Array, subtracted: float = 0.0) -> float | None:
    """Return the number that all are, if they are one, but for roundings of it and of what was subtracted."""
    first = float(numbers.flat[0]) if numbers.size else math.nan
    rounding = ROUNDING * (abs(first) + subtracted)
    if not math.isfinite(first) or not np.all(np.abs(numbers - first) <= rounding):
        return None
    return first if abs(first) > ROUNDING * subtracted else 0.0


def tolerance_of(tensor: Affine) -> float:
    """Return how far constants may be off that are rounded to a tensor's element type."""
    return 1e-3 if tensor.element in ("float16", "bfloat16") else 1e-6


def snapped(number: float, tolerance: float) -> float:
    """Return the multiple of 1/2 that a number is meant to be, or the number."""
    half = round(2 * number) / 2 if math.isfinite(number) else number
    return half if math.isclose(number, half, rel_tol=tolerance) else number
