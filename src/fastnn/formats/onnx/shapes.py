"""Operators that move elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastnn.formats.onnx.affine import Affine, axis_from_start
from fastnn.formats.onnx.combine import joined, without_axes
from fastnn.formats.onnx.operators import (
    ML,
    Context,
    Ints,
    Operators,
    Value,
    integers,
    numbers,
    sizes,
)

OPERATORS = Operators()


@OPERATORS.reads("Shape")
def shape_of(context: Context, x: Value, /, *, start: int = 0, end: int | None = None) -> Value:
    """Return the sizes of the input."""
    found: list[int | None] = list(x.shape)
    for axis in x.batch if isinstance(x, Affine) else ():
        found[axis] = None
    return np.array(found[start:end], object if None in found else np.int64)


@OPERATORS.reads("Gather")
def gather(context: Context, x: Value, chosen: Value, /, *, axis: int = 0) -> Value:
    """Return some slices along an axis."""
    indices = numbers(chosen)
    if indices.dtype.kind not in "iu":
        raise ValueError("indices that aren't integers")
    axis = x.axis(axis) if isinstance(x, Affine) else axis_from_start(axis, x.ndim)
    context.budget.spend(3 * indices.size * math.prod(x.shape) // max(x.shape[axis], 1))
    if not isinstance(x, Affine):
        return np.asarray(np.take(x, indices, axis))
    batch = [other + (indices.ndim - 1) * (other > axis) for other in x.batch]
    return x.moved(lambda part: np.take(part, indices, axis), batch)


@OPERATORS.reads("Slice")
def slice_of(
    context: Context,
    x: Value,
    first: Value | None = None,
    last: Value | None = None,
    along: Value | None = None,
    strides: Value | None = None,
    /,
    *,
    starts: Ints | None = None,
    ends: Ints | None = None,
    axes: Ints | None = None,
) -> Value:
    """Return what lies between two places along some axes: attributes until opset 9, inputs since."""
    given: list[Ints | None] = [starts, ends, axes, None]
    if context.node.opset >= 10:
        given = [None if value is None else tuple(integers(value)) for value in (first, last, along, strides)]
    begin, end, chosen, steps = given
    if begin is None or end is None:
        raise ValueError("no starts or ends")
    chosen = tuple(range(len(begin))) if chosen is None else chosen
    slices = [slice(None)] * len(x.shape)
    for axis, *bounds in zip(chosen, begin, end, steps or (1,) * len(begin), strict=True):
        axis = x.axis(axis) if isinstance(x, Affine) else axis_from_start(axis, x.ndim)
        slices[axis] = slice(*bounds)
    if isinstance(x, Affine):
        return x.moved(lambda part: part[tuple(slices)], x.batch)
    return x[tuple(slices)]


@OPERATORS.reads("ArrayFeatureExtractor", ML)
def array_feature_extractor(context: Context, x: Value, chosen: Value, /) -> Value:
    """Return some elements along the last axis."""
    return gather(context, x, np.ravel(numbers(chosen)), axis=-1)


@OPERATORS.reads("Concat")
def concat(context: Context, first: Value, /, *others: Value, axis: int) -> Value:
    """Return the inputs one behind another."""
    parts = [first, *others]
    tensors = [part for part in parts if isinstance(part, Affine)]
    if len(tensors) == len(parts):
        return joined(tensors, axis)
    if tensors:
        raise ValueError("a concatenation of data with constants")
    constants = [part for part in parts if not isinstance(part, Affine)]
    context.budget.spend(sum(part.size for part in constants))
    return np.concatenate(constants, axis_from_start(axis, constants[0].ndim))


@OPERATORS.reads("Transpose")
def transpose(context: Context, x: Value, /, *, perm: Ints | None = None) -> Value:
    """Return the input with its axes in another order."""
    ndim = len(x.shape)
    order = list(range(ndim))[::-1] if perm is None else list(perm)
    if sorted(order) != list(range(ndim)):
        raise ValueError(f"perm {order} for {ndim} axes")
    if isinstance(x, Affine):
        return x.moved(lambda part: part.transpose(order), [order.index(axis) for axis in x.batch])
    return x.transpose(order)


def axes_of(context: Context, attribute: Ints | None, value: Value | None) -> list[int] | None:
    """Return the axes that Squeeze or Unsqueeze names: an attribute until opset 12, an input since."""
    if context.node.opset < 13:
        if value is not None:
            raise ValueError("axes as an input, which they became in opset 13")
        return None if attribute is None else list(attribute)
    if attribute is not None:
        raise ValueError("axes as an attribute, which they were until opset 12")
    return None if value is None else integers(value)


@OPERATORS.reads("Squeeze")
def squeeze(context: Context, x: Value, chosen: Value | None = None, /, *, axes: Ints | None = None) -> Value:
    """Return the input without axes of size 1."""
    dropped = axes_of(context, axes, chosen)
    if isinstance(x, Affine):
        if dropped is None:
            if x.batch:
                raise ValueError("no axes, so that their number would depend on that of the examples")
            dropped = [axis for axis, size in enumerate(x.shape) if size == 1]
        return without_axes(x, *dropped)
    return np.squeeze(x, None if dropped is None else tuple(dropped))


@OPERATORS.reads("Unsqueeze")
def unsqueeze(
    context: Context, x: Value, chosen: Value | None = None, /, *, axes: Ints | None = None
) -> Value:
    """Return the input with more axes of size 1."""
    added = axes_of(context, axes, chosen)
    if added is None:
        raise ValueError("no axes")
    if isinstance(x, Affine):
        ndim = len(x.shape) + len(added)
        new = {axis_from_start(axis, ndim) for axis in added}
        kept = [axis for axis in range(ndim) if axis not in new]
        return x.moved(lambda part: np.expand_dims(part, tuple(added)), [kept[axis] for axis in x.batch])
    return np.expand_dims(x, tuple(added))


@OPERATORS.reads("Flatten")
def flatten(context: Context, x: Value, /, *, axis: int = 1) -> Value:
    """Return the input as a matrix: the axes before one, and those from it on."""
    ndim = len(x.shape)
    axis = axis + ndim if axis < 0 else axis
    if not 0 <= axis <= ndim:
        raise ValueError(f"axis {axis} of a tensor with {ndim} axes")
    if isinstance(x, Affine) and x.batch:
        if x.batch != (0,) or axis != 1:
            raise ValueError(f"axis {axis}, which mixes examples")
        return x.moved(lambda part: part.reshape(1, x.rows.size), x.batch)
    sizes = math.prod(x.shape[:axis]), math.prod(x.shape[axis:])
    return x.moved(lambda part: part.reshape(sizes), ()) if isinstance(x, Affine) else x.reshape(sizes)


@OPERATORS.reads("Reshape")
def reshape(context: Context, x: Value, target: Value, /, *, allowzero: int = 0) -> Value:
    """Return the elements in order, in another shape."""
    wanted = sizes(target)
    if not allowzero:
        wanted = [copied(x, axis) if size == 0 else size for axis, size in enumerate(wanted)]
    if not isinstance(x, Affine):
        return x.reshape(completed(wanted, x.size))
    if not x.batch:
        shape = completed(wanted, x.rows.size)
        return x.moved(lambda part: part.reshape(shape), ())
    return reshaped_examples(x, wanted)


def reshaped_examples(x: Affine, wanted: list[int | None]) -> Affine:
    """Return data whose examples keep their places along the first axis, and take another shape."""
    if x.batch != (0,) or not wanted:
        raise ValueError(f"shape {wanted} for data whose examples lie along axes {x.batch}")
    first, rest = wanted[0], wanted[1:]
    known = [size for size in rest if size is not None and size >= 0]
    if first == -1 and len(known) == len(rest) and math.prod(known) == x.rows.size:
        first = None
    elif wanted in ([-1], [-1, 1]):
        return replace(x, spread=True)
    if first not in (None, 1 if x.layer.examples is None else x.layer.examples):
        raise ValueError(f"shape {wanted} for examples of shape {x.shape[1:]}, which mixes examples")
    shape = 1, *completed(rest, x.rows.size)
    return x.moved(lambda part: part.reshape(shape), x.batch)


def copied(x: Value, axis: int) -> int | None:
    """Return the size that 0 stands for: the input's; None along examples."""
    if axis >= len(x.shape):
        raise ValueError(f"size 0 for axis {axis}, but the input has {len(x.shape)} axes")
    return None if isinstance(x, Affine) and axis in x.batch else x.shape[axis]


def completed(sizes: Sequence[int | None], count: int) -> tuple[int, ...]:
    """Return a shape for `count` elements, with the size in it that -1 left open."""
    known = [size for size in sizes if size is not None and size >= 0]
    product = math.prod(known)
    unknown = [size for size in sizes if size is None or size < 0]
    if unknown == [-1] and product and count % product == 0:
        return tuple(count // product if size == -1 else size for size in sizes if size is not None)
    if unknown or product != count:
        raise ValueError(f"shape {list(sizes)} for {count} elements")
    return tuple(known)
