"""Dense layers from the steps of another library's model: what dense layers can't say is folded into them.

A step that scales and shifts each feature (a normalisation, a batch normalisation at inference) goes into the
weights of the layer before it, or, after an activation, of the layer after it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnn.layers import Dense, parameter_dtype

Array = np.ndarray[Any, Any]

# A step that no neighbour takes up becomes a layer with width² weights. All such have so many at most.
MAX_DIAGONAL = 1 << 20


class Linear(NamedTuple):
    """weight @ x + bias: weight (m, n), bias (m,) or None."""

    weight: Array
    bias: Array | None


class Scaling(NamedTuple):
    """factor * x + shift, each a scalar or (n,)."""

    factor: Array
    shift: Array


class Chain:
    """Collects the steps of a model in order, and gives its dense layers.

    They have the dtype of the linear steps: float64 if any of these has, else float32.

    Parameters
    ----------
    width : int, optional
        How many features the input has, where that is known before the first linear step.
    """

    def __init__(self, width: int | None = None) -> None:
        self.width = width
        self._dtype = parameter_dtype()
        self._done: list[tuple[Linear, str]] = []
        self._linear: Linear | None = None  # without its activation yet
        self._scaling: Scaling | None = None  # for the next linear step
        self._room = MAX_DIAGONAL

    def linear(self, weight: Array, bias: Array | None = None) -> None:
        """Add weight @ x + bias: weight (n_outputs, n_inputs), bias (n_outputs,)."""
        if weight.ndim != 2:
            raise ValueError(f"weight has shape {weight.shape}, expected (n_outputs, n_inputs)")
        n_outputs = weight.shape[:1]
        if bias is not None and bias.shape != n_outputs:
            raise ValueError(f"bias has shape {bias.shape}, but weight {weight.shape} expects {n_outputs}")
        if self.width is not None and self.width != weight.shape[1]:
            raise ValueError(f"weight has shape {weight.shape}, but {self.width} features come in")
        self._finish()
        self._dtype = max(self._dtype, parameter_dtype(weight, bias), key=lambda dtype: dtype.itemsize)
        self._linear = Linear(weight, bias)
        if self._scaling is not None:
            self._linear = scaled_inputs(self._linear, self._scaling)
            self._scaling = None
        self.width = weight.shape[0]

    def scale(self, factor: Array, shift: Array) -> None:
        """Add factor * x + shift, each a scalar or (width,)."""
        for array in (factor, shift):
            if array.ndim > 1 or (array.ndim == 1 and self.width not in (None, len(array))):
                raise ValueError(f"a scaling has shape {array.shape}, but {self.width} features come in")
            if array.ndim == 1:
                self.width = len(array)
        step = Scaling(wide(factor), wide(shift))
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
        return [
            Dense(weight, bias, activation).astype(self._dtype) for (weight, bias), activation in self._done
        ]

    def _finish(self, activation: str = "identity") -> None:
        if self._linear is not None:
            self._done.append((self._linear, activation))
            self._linear = None

    def _diagonal(self, why: str) -> Linear:
        """Return the scaling that waits, or none, as a linear step."""
        if self.width is None:
            raise ValueError(f"{why}, and how many features it has is not known")
        self._room -= self.width**2
        if self._room < 0:
            raise ValueError(f"{why}, and {self.width} features are too many for a dense layer in its place")
        scaling, self._scaling = self._scaling, None
        linear = Linear(np.eye(self.width), None)
        return linear if scaling is None else scaled_inputs(linear, scaling)


# Folding computes in float64; its results are rounded once, when the layers are built.


def scaled_outputs(linear: Linear, scaling: Scaling) -> Linear:
    """Return factor * (weight @ x + bias) + shift as one linear step."""
    bias = np.zeros(len(linear.weight)) if linear.bias is None else wide(linear.bias)
    with np.errstate(all="ignore"):
        weight = np.broadcast_to(scaling.factor, bias.shape)[:, np.newaxis] * wide(linear.weight)
        return Linear(weight, scaling.factor * bias + scaling.shift)


def scaled_inputs(linear: Linear, scaling: Scaling) -> Linear:
    """Return weight @ (factor * x + shift) + bias as one linear step."""
    weight = wide(linear.weight)
    with np.errstate(all="ignore"):
        bias = weight @ np.broadcast_to(scaling.shift, weight.shape[1:])
        if linear.bias is not None:
            bias = bias + wide(linear.bias)
        return Linear(weight * scaling.factor, bias)


def composed(first: Scaling, second: Scaling) -> Scaling:
    """Return two scalings, one after the other, as one."""
    with np.errstate(all="ignore"):
        return Scaling(second.factor * first.factor, second.factor * first.shift + second.shift)


def wide(array: Array) -> Array:
    """Return an array in float64."""
    return np.asarray(array, np.float64)
