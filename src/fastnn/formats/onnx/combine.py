"""How affine tensors meet: a product with a constant, a sum, a concatenation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from fastnn.formats.onnx.affine import Affine
from fastnn.formats.onnx.tensors import Array

COST = 2000  # in numbers: what a product, a sum or a concatenation takes beside the numbers that it makes


def product(tensor: Affine, constant: Array, label: str) -> Affine:
    """Return ``numpy.matmul(tensor, constant)``.

    A tensor that is a product already becomes a layer without activation first: two products stay two layers.
    """
    if not tensor.shape or not constant.ndim:
        raise ValueError("a product with a scalar")
    if tensor.matrix is not None:
        tensor = tensor.activated("identity", label)
    row, column = len(tensor.shape) == 1, constant.ndim == 1
    if row:
        tensor = tensor.moved(lambda part: part[np.newaxis], [1 + axis for axis in tensor.batch])
    result = matrix_product(tensor, constant[:, np.newaxis] if column else constant)
    return without_axes(result, *(axis for axis, drop in ((-2, row), (-1, column)) if drop))


def product_from_left(constant: Array, tensor: Affine, label: str) -> Affine:
    """Return ``numpy.matmul(constant, tensor)``, which is the transpose of the transposes' product."""
    result = product(transposed(tensor), constant.swapaxes(-1, -2) if constant.ndim > 1 else constant, label)
    return transposed(result) if constant.ndim > 1 and len(tensor.shape) > 1 else result


def matrix_product(tensor: Affine, constant: Array) -> Affine:
    """Return the product over the last axis of the tensor and the last but one of the constant."""
    *lead, n_rows, n_terms = tensor.shape
    if n_terms != constant.shape[-2] or len(tensor.shape) - 1 in tensor.batch:
        raise ValueError(
            f"a product of shapes {tensor.shape} and {constant.shape}, the first 1 along examples"
        )
    lead = list(np.broadcast_shapes(tuple(lead), constant.shape[:-2]))
    grown = len(lead) + 2 - len(tensor.shape)
    batch = tuple(axis + grown for axis in tensor.batch)
    if any(lead[axis] != 1 for axis in batch if axis < len(lead)):
        raise ValueError(f"a product with shape {constant.shape}, which isn't the same for every example")
    shape = (*lead, n_rows, constant.shape[-1])
    n_sums, width = math.prod(shape), tensor.layer.width
    tensor.layer.budget.step(COST)
    tensor.layer.budget.spend(n_sums * (1 + n_terms + width))
    factors = constant.swapaxes(-1, -2)[..., np.newaxis, :, :]  # ..., a row, a column, the terms
    if tensor.scale is not None:
        factors = factors * tensor.whole(tensor.scale)[..., np.newaxis, :]
    matrix = np.broadcast_to(factors, (*shape, n_terms)).reshape(n_sums, n_terms)
    if not tensor.plain or tensor.rows.size != n_terms:
        terms = np.broadcast_to(tensor.rows[..., np.newaxis, :], (*shape, n_terms)).reshape(n_sums, n_terms)
        factors, matrix = matrix, np.zeros((n_sums, width))
        np.add.at(matrix, (np.arange(n_sums)[:, np.newaxis], terms), factors)
    bias = None
    if tensor.bias is not None:
        bias = np.matmul(tensor.whole(tensor.bias), constant.astype(np.float64))
    rows = np.arange(n_sums).reshape(shape)
    return tensor.computed(rows=rows, batch=batch, matrix=matrix, scale=None, bias=bias)


def transposed(tensor: Affine) -> Affine:
    """Return the tensor with its last two axes exchanged, if it has two."""
    ndim = len(tensor.shape)
    if ndim < 2:
        return tensor
    exchanged = {ndim - 1: ndim - 2, ndim - 2: ndim - 1}
    return tensor.moved(
        lambda part: part.swapaxes(-1, -2), [exchanged.get(axis, axis) for axis in tensor.batch]
    )


def without_axes(tensor: Affine, *axes: int) -> Affine:
    """Return the tensor without some axes of size 1, none of which examples lie along."""
    dropped = [tensor.axis(axis) for axis in axes]
    batch = [axis - sum(other < axis for other in dropped) for axis in tensor.batch]
    return tensor.moved(lambda part: np.squeeze(part, tuple(dropped)), batch) if axes else tensor


def total(first: Affine, second: Affine) -> Affine:
    """Return the sum of two tensors of one layer's activations."""
    first.layer.budget.spend(COST)
    first, second = first.broadcast(second.shape), second.broadcast(first.shape)
    check_one_chain([first, second])
    if first.matrix is second.matrix and np.array_equal(first.rows, second.rows):
        result = first.computed(scale=whole_scale(first) + whole_scale(second), bias=None)
    else:
        matrix = first.parameters()[0] + second.parameters()[0]
        rows = np.arange(len(matrix)).reshape(first.shape)
        result = first.computed(rows=rows, matrix=matrix, scale=None, bias=None)
    return replace(result, wide=first.wide or second.wide).shifted(whole_bias(first) + whole_bias(second))


def joined(parts: Sequence[Affine], axis: int) -> Affine:
    """Return the concatenation of tensors of one layer's activations."""
    first = parts[0]
    axis = first.axis(axis)
    check_one_chain(parts)
    first.layer.budget.spend(COST + 3 * sum(part.rows.size for part in parts))
    if any(part.matrix is not first.matrix for part in parts):
        parts = stacked(parts)
    return replace(first, wide=any(part.wide for part in parts)).computed(
        rows=np.concatenate([part.rows for part in parts], axis),
        matrix=parts[0].matrix,
        scale=np.concatenate([whole_scale(part) for part in parts], axis),
        bias=np.concatenate([whole_bias(part) for part in parts], axis),
    )


def stacked(parts: Sequence[Affine]) -> list[Affine]:
    """Return the tensors with one matrix, which holds a row for each element of each of them."""
    weights = [part.parameters()[0] for part in parts]
    matrix = np.concatenate(weights)
    starts = np.cumsum([0] + [len(weight) for weight in weights])
    return [
        replace(part, rows=np.arange(start, stop).reshape(part.shape), matrix=matrix, scale=None)
        for part, (start, stop) in zip(parts, pairwise(starts), strict=True)
    ]


def check_one_chain(parts: Sequence[Affine]) -> None:
    """Raise unless tensors are of the same activations, and examples lie along the same axes."""
    if any(part.layer is not parts[0].layer for part in parts):
        raise ValueError("two branches that meet, expected a chain of layers")
    if any(part.batch != parts[0].batch for part in parts):
        raise ValueError("tensors whose examples lie along different axes")


def whole_scale(tensor: Affine) -> Array:
    """Return the tensor's scale in its shape."""
    return tensor.whole(np.ones(()) if tensor.scale is None else tensor.scale)


def whole_bias(tensor: Affine) -> Array:
    """Return the tensor's bias in its shape."""
    return tensor.whole(np.zeros(()) if tensor.bias is None else tensor.bias)
