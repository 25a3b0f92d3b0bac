"""Operators that are activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import defs, helper

from fastnn._core.activation_names import choose, defaults
from fastnn._core.activation_table import ACTIVATIONS
from fastnn.formats.onnx.affine import Affine, axis_from_start
from fastnn.formats.onnx.composites import chosen, gate, times
from fastnn.formats.onnx.operators import Context, Operator, Operators, Value, data, numbers

SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875  # ONNX's defaults, float32

NO_BOUNDS = [-math.inf, math.inf]


def activated(context: Context, x: Value, name: str, *parameters: float) -> Affine:
    """Return an activation of data."""
    chosen_name = str(choose(name, parameters)) if parameters else name
    return data(x).activated(chosen_name, context.node.label)


def decimal(value: float) -> float:
    """Return the shortest decimal that a float32 can have come from: 0.1, not 0.100000001."""
    return float(str(np.float32(value)))


def one_number(value: Value) -> float:
    """Return a parameter that is an input."""
    array = numbers(value)
    if array.size != 1:
        raise ValueError(f"a parameter of shape {array.shape}, expected one number")
    number = float(array.flat[0])
    return number if array.dtype == np.float64 else decimal(number)


def table_operator(name: str) -> Operator:
    """Return an operator whose attributes are the parameters of an activation, or choose among several."""
    rows = [(row, peer) for row in ACTIVATIONS for peer in row.onnx if peer.name == name]

    def read(context: Context, x: Value, **found: Any) -> Value:
        for row, peer in rows:
            if all(found[label] in values for label, values in peer.required.items()):
                given = zip((found[str(label)] for label in peer.parameters), defaults(row), strict=True)
                return activated(context, x, row.name, *(parameter(value, own) for value, own in given))
        raise ValueError(f"attributes {found}, which are no activation's that fastnn has")

    labels = {str(label) for _, peer in rows for label in (*peer.parameters, *peer.required)}
    return Operator(read, 1, 1, {label: schema_default(name, label) for label in labels})


def schema_default(name: str, label: str) -> tuple[type, Any]:
    """Return the type of an operator's attribute, and what ONNX says it is where a node doesn't."""
    value = helper.get_attribute_value(defs.get_schema(name).attributes[label].default_value)
    value = value.decode() if isinstance(value, bytes) else value
    return type(value), value


def parameter(value: float, default: float) -> float:
    """Return what an attribute, which is float32, was made of: our default, or a short decimal."""
    return default if np.float32(value) == np.float32(default) else decimal(value)


NAMES = {peer.name for row in ACTIVATIONS for peer in row.onnx}
OPERATORS = Operators({("", name): table_operator(name) for name in NAMES})


@OPERATORS.reads("Tanh")
def tanh(context: Context, x: Value, /) -> Value:
    """Return the hyperbolic tangent, or a part of GELU."""
    return gate(data(x), context.node.label) or activated(context, x, "tanh")


@OPERATORS.reads("Selu")
def selu(context: Context, x: Value, /, *, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA) -> Value:
    """Return gamma times ELU of that alpha."""
    if np.float32(alpha) == np.float32(SELU_ALPHA) and np.float32(gamma) == np.float32(SELU_GAMMA):
        return activated(context, x, "selu")
    return activated(context, x, "elu", decimal(alpha)).scaled(np.array(gamma))


@OPERATORS.reads("Celu")
def celu(context: Context, x: Value, /, *, alpha: float = 1.0) -> Value:
    """Return alpha times ELU of x / alpha."""
    if not alpha > 0:
        raise ValueError(f"alpha {alpha:g}, expected a number above 0")
    return times(activated(context, times(data(x), 1 / alpha), "elu"), alpha)


@OPERATORS.reads("Swish")
def swish(context: Context, x: Value, /, *, alpha: float = 1.0) -> Value:
    """Return SiLU of alpha x, divided by alpha."""
    if not alpha:
        raise ValueError("alpha 0, expected another number")
    return times(activated(context, times(data(x), alpha), "silu"), 1 / alpha)


@OPERATORS.reads("PRelu")
def prelu(context: Context, x: Value, slope: Value, /) -> Value:
    """Return leaky ReLU, if all slopes are one."""
    slopes = np.unique(numbers(slope))
    if len(slopes) != 1:
        raise ValueError(f"{len(slopes)} different slopes, expected one")
    return activated(context, x, "leaky_relu", one_number(slopes))


@OPERATORS.reads("Clip")
def clip(
    context: Context,
    x: Value,
    low: Value | None = None,
    high: Value | None = None,
    /,
    *,
    min: float | None = None,
    max: float | None = None,
) -> Value:
    """Return x within two bounds, which are inputs since opset 11; an infinite one is none."""
    if context.node.opset < 11:
        bounds = [None if value is None else decimal(value) for value in (min, max)]
    else:
        bounds = [None if value is None else one_number(value) for value in (low, high)]
    if bounds == NO_BOUNDS:
        return data(x)
    bounds = [None if bound == none else bound for bound, none in zip(bounds, NO_BOUNDS, strict=True)]
    if bounds == [0.0, None]:
        return activated(context, x, "relu")
    limits = np.finfo(np.float64 if data(x).element == "float64" else np.float32)
    least, most = (
        float(limit) if bound is None else bound
        for bound, limit in zip(bounds, (limits.min, limits.max), strict=True)
    )
    return activated(context, x, "clip", least, most)


@OPERATORS.reads("Softmax")
def softmax(context: Context, x: Value, /, *, axis: int | None = None) -> Value:
    """Return the softmax along the axis of the features."""
    return along_features(context, x, "softmax", axis)


@OPERATORS.reads("LogSoftmax")
def log_softmax(context: Context, x: Value, /, *, axis: int | None = None) -> Value:
    """Return the log-softmax along the axis of the features."""
    return along_features(context, x, "log_softmax", axis)


def along_features(context: Context, x: Value, name: str, axis: int | None) -> Value:
    """Return an activation that needs whole rows, if these are what the features of an example are.

    Until opset 12 a row is everything from the axis on, since then what lies along the axis.
    """
    shape, batch, old = x.shape, data(x).batch, context.node.opset < 13
    first = axis_from_start((1 if old else -1) if axis is None else axis, len(shape))
    row = range(first, len(shape)) if old else [first]
    if any(axis in batch for axis in row) or math.prod(shape) != math.prod(shape[axis] for axis in row):
        raise ValueError(f"axis {axis} of shape {shape}, expected a row that is an example's features")
    return activated(context, x, name)


@OPERATORS.reads("Erf")
def erf(context: Context, x: Value, /) -> Value:
    """Return a part of GELU."""
    return part(context, x, "erf")


@OPERATORS.reads("Abs")
def absolute(context: Context, x: Value, /) -> Value:
    """Return a part of softsign."""
    return part(context, x, "abs")


@OPERATORS.reads("Pow")
def power(context: Context, x: Value, exponent: Value, /) -> Value:
    """Return a square or a cube, which are parts of GELU."""
    name = {2.0: "square", 3.0: "cube"}.get(one_number(exponent))
    if name is None:
        raise ValueError("an exponent that isn't 2 or 3")
    return part(context, x, name)


@OPERATORS.reads("Greater")
def greater(context: Context, x: Value, threshold: Value, /) -> Value:
    """Return a part of softplus with a threshold."""
    return part(context, data(x).shifted(-numbers(threshold).astype(np.float64)), "positive")


@OPERATORS.reads("Where")
def where(context: Context, condition: Value, x: Value, y: Value, /) -> Value:
    """Return softplus with a threshold."""
    return chosen(data(condition), data(x), data(y))


def part(context: Context, x: Value, name: str) -> Value:
    """Return what is only read as a part of an activation."""
    return data(x).activated(name, context.node.label)
