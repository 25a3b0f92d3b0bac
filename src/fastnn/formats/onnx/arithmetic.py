"""Operators that add and multiply constants."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from fastnn.formats.onnx import composites
from fastnn.formats.onnx.affine import Affine
from fastnn.formats.onnx.combine import product, product_from_left, total, transposed
from fastnn.formats.onnx.operators import ML, Context, Floats, Operators, Value, data, numbers
from fastnn.formats.onnx.tensors import Array

OPERATORS = Operators()
MINUS_ONE = np.array(-1.0)


@OPERATORS.reads("Gemm")
def gemm(
    context: Context,
    a: Value,
    b: Value,
    c: Value | None = None,
    /,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 1,
) -> Value:
    """Return alpha A B + beta C."""
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ValueError(f"shapes {a.shape} and {b.shape}, expected two matrices")
    result = matmul(context, flipped(a) if transA else a, flipped(b) if transB else b)
    if alpha != 1.0:
        result = result.scaled(np.array(alpha))
    if c is None:
        return result
    shape = result.shape
    term = mul(context, c, np.array(beta)) if beta != 1.0 else c
    result = plus(result, term, context.node.label)
    if result.shape != shape:
        raise ValueError(f"C of shape {c.shape}, which doesn't fit {shape}")
    return result


def flipped(matrix: Value) -> Value:
    """Return a matrix's transpose."""
    return transposed(matrix) if isinstance(matrix, Affine) else matrix.T


@OPERATORS.reads("MatMul")
def matmul(context: Context, a: Value, b: Value, /) -> Affine:
    """Return the product over the last axis of a and the last but one of b."""
    label = context.node.label
    if isinstance(a, Affine) and not isinstance(b, Affine):
        return product(a, numbers(b), label)
    if isinstance(b, Affine) and not isinstance(a, Affine):
        return product_from_left(numbers(a), b, label)
    what = "depend on the data" if isinstance(a, Affine) else "are constants"
    raise ValueError(f"a product of two tensors that {what}, expected one of each")


def aligned(context: Context, a: Value, b: Value, axis: int | None) -> Value:
    """Return b as opset 6 broadcast it: from an axis of a on."""
    if context.node.opset >= 7 or axis is None or isinstance(b, Affine):
        return b
    after = len(a.shape) - axis - b.ndim
    if not 0 <= after <= len(a.shape):
        raise ValueError(f"shapes {a.shape} and {b.shape}, which don't meet from axis {axis} on")
    return b.reshape(b.shape + (1,) * after)


def of_constants(context: Context, function: np.ufunc, a: Array, b: Array) -> Array:
    """Return a function of two constants: integers stay what they are, other numbers are float64."""
    a, b = numbers(a), numbers(b)
    context.budget.spend(math.prod(np.broadcast_shapes(a.shape, b.shape)))
    kind = np.int64 if a.dtype.kind in "iu" and b.dtype.kind in "iu" else np.float64
    return np.asarray(function(a.astype(kind), b.astype(kind)))


@OPERATORS.reads("Add")
def add(context: Context, a: Value, b: Value, /, *, axis: int | None = None, broadcast: int = 1) -> Value:
    """Return a + b."""
    b = aligned(context, a, b, axis)
    if isinstance(a, Affine):
        return plus(a, b, context.node.label)
    return plus(b, a, context.node.label) if isinstance(b, Affine) else of_constants(context, np.add, a, b)


def plus(tensor: Affine, other: Value, label: str) -> Affine:
    """Return a tensor plus another, or a constant."""
    if isinstance(other, Affine):
        return composites.meeting("Add", tensor, other, label) or total(tensor, other)
    return tensor.shifted(numbers(other))


@OPERATORS.reads("Sub")
def sub(context: Context, a: Value, b: Value, /, *, axis: int | None = None, broadcast: int = 1) -> Value:
    """Return a - b."""
    b = aligned(context, a, b, axis)
    if isinstance(b, Affine):
        return plus(b.scaled(MINUS_ONE), a, context.node.label)
    if isinstance(a, Affine):
        return a.shifted(-numbers(b).astype(np.float64))
    return of_constants(context, np.subtract, a, b)


@OPERATORS.reads("Mul")
def mul(context: Context, a: Value, b: Value, /, *, axis: int | None = None, broadcast: int = 1) -> Value:
    """Return a b, element by element."""
    b = aligned(context, a, b, axis)
    if isinstance(a, Affine) and isinstance(b, Affine):
        return composites.required("Mul", a, b, context.node.label)
    if isinstance(a, Affine):
        return a.scaled(numbers(b))
    return b.scaled(numbers(a)) if isinstance(b, Affine) else of_constants(context, np.multiply, a, b)


@OPERATORS.reads("Div")
def div(context: Context, a: Value, b: Value, /, *, axis: int | None = None, broadcast: int = 1) -> Value:
    """Return a / b."""
    b = aligned(context, a, b, axis)
    if isinstance(b, Affine):
        if isinstance(a, Affine):
            return composites.required("Div", a, b, context.node.label)
        raise ValueError("a division by a tensor that depends on the data")
    divisor = numbers(b)
    if isinstance(a, Affine):
        return a.scaled(1.0 / divisor.astype(np.float64))
    if a.dtype.kind in "iu" and divisor.dtype.kind in "iu":
        if not divisor.all():
            raise ValueError("a division of integers by 0")
        quotient = of_constants(context, np.floor_divide, np.abs(a), np.abs(divisor))
        return quotient * np.sign(a) * np.sign(divisor)  # towards 0
    return of_constants(context, np.divide, a, divisor)


@OPERATORS.reads("Sum")
def sum_of(context: Context, first: Value, /, *others: Value) -> Value:
    """Return the sum of all inputs."""
    return reduce(lambda a, b: add(context, a, b), others, first)


@OPERATORS.reads("Neg")
def negative(context: Context, x: Value, /) -> Value:
    """Return -x."""
    return x.scaled(MINUS_ONE) if isinstance(x, Affine) else -numbers(x)


@OPERATORS.reads("Sqrt")
def sqrt(context: Context, x: Value, /) -> Value:
    """Return the square root of a constant."""
    return np.asarray(np.sqrt(numbers(x).astype(np.float64)))


@OPERATORS.reads("BatchNormalization")
def batch_normalization(
    context: Context,
    x: Value,
    scale: Value,
    shift: Value,
    mean: Value,
    variance: Value,
    /,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    is_test: int = 0,
    spatial: int = 1,
    training_mode: int = 0,
) -> Value:
    """Return scale (x - mean) / sqrt(variance + epsilon) + shift, with the statistics of the training."""
    training = training_mode or (context.node.opset < 7 and not is_test)
    if training or any(context.node.outputs[1:]):
        raise ValueError("training mode, expected that of inference")
    tensor = data(x)
    if not spatial and len(tensor.shape) != 2:
        raise ValueError("statistics of every place apart (spatial = 0)")
    channels = (tensor.shape[tensor.axis(1)],) + (1,) * (len(tensor.shape) - 2)
    parts = [numbers(part).astype(np.float64) for part in (scale, shift, mean, variance)]
    if any(part.shape != channels[:1] for part in parts):
        raise ValueError(f"statistics of shapes {[part.shape for part in parts]}, expected {channels[:1]}")
    gamma, beta, mu, sigma_squared = (part.reshape(channels) for part in parts)
    factor = gamma / np.sqrt(sigma_squared + epsilon)
    return tensor.scaled(factor).shifted(beta - mu * factor)


@OPERATORS.reads("Scaler", ML)
def scaler(context: Context, x: Value, /, *, offset: Floats = (0.0,), scale: Floats = (1.0,)) -> Value:
    """Return (x - offset) scale."""
    result = data(x).shifted(-np.array(offset)).scaled(np.array(scale))
    if result.shape != x.shape:
        raise ValueError(f"{len(offset)} offsets and {len(scale)} scales for data of shape {x.shape}")
    return result
