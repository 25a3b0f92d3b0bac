"""Operators that hold a constant, cast, or in inference do nothing."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from fastnn.formats.onnx.affine import Affine
from fastnn.formats.onnx.operators import ML, Context, Floats, Ints, Operators, Strings, Value, numbers
from fastnn.formats.onnx.tensors import Array, element, to_array

OPERATORS = Operators()


@OPERATORS.reads("Constant")
def constant(
    context: Context,
    /,
    *,
    value: TensorProto | None = None,
    value_float: float | None = None,
    value_floats: Floats | None = None,
    value_int: int | None = None,
    value_ints: Ints | None = None,
) -> Value:
    """Return the tensor that the node holds."""
    if value is not None:
        array = to_array(value, context.node.folder)
        context.budget.earn(array)
        return array
    for real in (value_float, value_floats):
        if real is not None:
            return np.array(real, np.float32)
    for whole in (value_int, value_ints):
        if whole is not None:
            return np.array(whole, np.int64)
    raise ValueError("no value")


@OPERATORS.reads("Identity")
def identity(context: Context, x: Value, /) -> Value:
    """Return the input."""
    return x


@OPERATORS.reads("ZipMap", ML)
def zip_map(
    context: Context, x: Value, /, *, classlabels_int64s: Ints = (), classlabels_strings: Strings = ()
) -> Value:
    """Return the input, whose columns get names."""
    return x


@OPERATORS.reads("Normalizer", ML)
def normalizer(context: Context, x: Value, /, *, norm: str = "MAX") -> Value:
    """Return the input, if it is a softmax, whose sum is 1 already."""
    if isinstance(x, Affine) and x.plain and x.layer.activation == "softmax" and norm == "L1":
        return x
    raise ValueError(f"norm {norm} of what isn't a softmax")


@OPERATORS.reads("Dropout")
def dropout(
    context: Context,
    x: Value,
    share: Value | None = None,
    training: Value | None = None,
    /,
    *,
    is_test: int = 0,
    ratio: float = 0.5,
    seed: int = 0,
) -> Value:
    """Return the input, as in inference."""
    if training is not None:
        nothing_dropped = share is not None and not numbers(share).any()
        if numbers(training).any() and not nothing_dropped:
            raise ValueError("training mode, expected that of inference")
    elif context.node.opset < 7 and not is_test:
        raise ValueError("training mode, expected that of inference")
    return x


@OPERATORS.reads("Cast")
def cast(context: Context, x: Value, /, *, to: int, saturate: int = 1, round_mode: str = "up") -> Value:
    """Return the input in another element type."""
    name = element(to).name
    if isinstance(x, Affine):
        return x.cast(name)
    if x.dtype == object:
        if name in ("int32", "int64"):
            return x
        raise ValueError(f"a cast of the number of examples to {name}")
    if name == "bfloat16":
        return to_bfloat16(x)
    if np.dtype(name).kind in "iu" and not np.isfinite(x).all():
        raise ValueError(f"a cast of numbers that aren't finite to {name}")
    return x.astype(name)


def to_bfloat16(x: Array) -> Array:
    """Return numbers rounded to bfloat16, as float32: the nearest, and of two the even."""
    bits = x.astype(np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), np.float32(np.nan), rounded.view(np.float32))


@OPERATORS.reads("CastLike")
def cast_like(
    context: Context, x: Value, like: Value, /, *, saturate: int = 1, round_mode: str = "up"
) -> Value:
    """Return a constant, which may stay what it is: it is folded in float64 anyway."""
    return numbers(x)
