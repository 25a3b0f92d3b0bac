"""Dense layers from the steps of another library's model: what dense layers can't say is folded into them.

A step that scales and shifts each feature (a normalisation, a batch normalisation at inference) goes into the
weights of the layer before it, or, after an activation, of the layer after it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnn.layers import Dense, parameter_dtype

Array = np.ndarray[Any, Any]

# A layer of its own, for a step that no neighbour takes up, has width² weights: 32 MiB at most.
MAX_DIAGONAL = 2048


class Linear(NamedTuple):
    """weight @ x + bias, in a layer of that dtype: weight (m, n), bias (m,) or None."""

    weight: Array
    bias: Array | None
    dtype: np.dtype[Any]


class Scaling(NamedTuple):
    """factor * x + shift, each a scalar or (width,)."""

    factor: Array
    shift: Array
    dtype: np.dtype[Any]


class Chain:
    """Collects the steps of a model in order, and gives its dense layers.

    Parameters
    ----------
    width : int, optional
        How many features the input has, where that is known before the first linear step.
    """

    def __init__(self, width: int | None = None) -> None:
        self.width = width
        self._done: list[Dense] = []
        self._linear: Linear | None = None  # without its activation yet
        self._scaling: Scaling | None = None  # for the next linear step

    def linear(self, weight: Array, bias: Array | None = None) -> None:
        """Add weight @ x + bias: weight (n_outputs, n_inputs), bias (n_outputs,)."""
        if weight.ndim != 2:
            raise ValueError(f"weight has shape {weight.shape}, expected (n_outputs, n_inputs)")
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ValueError(
                f"bias has shape {bias.shape}, but weight {weight.shape} expects {weight.shape[:1]}"
            )
        if self.width is not None and self.width != weight.shape[1]:
            raise ValueError(f"weight has shape {weight.shape}, but {self.width} features come in")
        self._finish()
        linear = Linear(weight, bias, parameter_dtype(weight, bias))
        if self._scaling is not None:
            linear = scaled_inputs(linear, self._scaling)
            self._scaling = None
        self._linear = linear
        self.width = weight.shape[0]

    def scale(self, factor: Array, shift: Array) -> None:
        """Add factor * x + shift, each a scalar or (width,)."""
        step = Scaling(factor, shift, parameter_dtype(factor, shift))
        for array in (factor, shift):
            if array.ndim > 1 or (array.ndim == 1 and self.width not in (None, len(array))):
                raise ValueError(f"a scaling has shape {array.shape}, but {self.width} features come in")
            if array.ndim == 1:
                self.width = len(array)
        if self._linear is not None:
            self._linear = scaled_outputs(self._linear, step)
        elif self._scaling is not None:
            self._scaling = composed(self._scaling, step)
        else:
            self._scaling = step

    def activate(self, name: str) -> None:
        """Add an activation."""
        if name == "identity":
            return
        if self._linear is None:
            self._linear = self._diagonal(f"{name} doesn't follow a dense layer")
        self._finish(name)

    def layers(self) -> list[Dense]:
        """Return the dense layers."""
        if self._scaling is not None:
            self._linear = self._diagonal("a scaling stands alone")
        self._finish()
        if not self._done:
            raise ValueError("no dense layer is in it")
        return self._done

    def _finish(self, activation: str = "identity") -> None:
        if self._linear is not None:
            weight, bias, dtype = self._linear
            with np.errstate(over="ignore"):
                self._done.append(
                    Dense(weight.astype(dtype), None if bias is None else bias.astype(dtype), activation)
                )
            self._linear = None

    def _diagonal(self, why: str) -> Linear:
        """Return the scaling that waits, or none, as a linear step."""
        if self.width is None:
            raise ValueError(f"{why}, and how many features it has is not known")
        if self.width > MAX_DIAGONAL:
            raise ValueError(f"{why}, and {self.width} features are too many for a dense layer in its place")
        scaling, self._scaling = self._scaling, None
        if scaling is None:
            dtype = self._done[-1].dtype if self._done else np.dtype(np.float32)
            return Linear(np.eye(self.width, dtype=dtype), None, dtype)
        return scaled_inputs(Linear(np.eye(self.width), None, scaling.dtype), scaling)


# Folding computes in float64; `Chain` rounds once, when the layer is done.


def scaled_outputs(linear: Linear, scaling: Scaling) -> Linear:
    """Return factor * (weight @ x + bias) + shift as one linear step."""
    factor, shift = wide(scaling.factor), wide(scaling.shift)
    bias = np.zeros(len(linear.weight)) if linear.bias is None else wide(linear.bias)
    with np.errstate(all="ignore"):
        weight = np.broadcast_to(factor, bias.shape)[:, np.newaxis] * wide(linear.weight)
        return Linear(weight, factor * bias + shift, linear.dtype)


def scaled_inputs(linear: Linear, scaling: Scaling) -> Linear:
    """Return weight @ (factor * x + shift) + bias as one linear step."""
    weight, factor, shift = wide(linear.weight), wide(scaling.factor), wide(scaling.shift)
    with np.errstate(all="ignore"):
        bias = weight @ np.broadcast_to(shift, weight.shape[1:])
        if linear.bias is not None:
            bias = bias + wide(linear.bias)
        return Linear(weight * factor, bias, linear.dtype)


def composed(first: Scaling, second: Scaling) -> Scaling:
    """Return two scalings, one after the other, as one."""
    factor, shift = wide(second.factor), wide(second.shift)
    dtype = np.result_type(first.dtype, second.dtype)
    with np.errstate(all="ignore"):
        return Scaling(factor * wide(first.factor), factor * wide(first.shift) + shift, dtype)


def wide(array: Array) -> Array:
    """Return an array in float64."""
    return np.asarray(array, np.float64)
