"""Feed-forward neural networks in pure Python, to be read from top to bottom.

A neuron weighs its inputs and adds a bias, a layer is many neurons looking at the same inputs, and
a network is a chain of layers. Vectors are lists of floats and matrices are lists of rows; ``math``
is the only import that computes. The rest of fastnn does the same thing faster: its tests take this
module as the truth, its benchmarks as the starting point.

The activations are in ``activations.py`` beside this file. Two promises hold throughout. No
activation raises, whatever the float: infinities and NaN come out as they do in PyTorch. And every
sum runs from left to right with plain ``+``, a neuron's starting from its bias; ``math.fsum``, and
from Python 3.12 on ``sum``, would give slightly different bits. Lengths that do not fit together are
a ValueError, and so is an activation of an unknown name.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fastnn.reference.activations import *  # noqa: F403
from fastnn.reference.activations import Vector, activation_named, total

Matrix = Sequence[Vector]


def weighted_sum(weights: Vector, bias: float, x: Vector) -> float:
    """Return z = bias + weights[0] x[0] + weights[1] x[1] + ..., added in this order."""
    if len(x) != len(weights):
        raise ValueError(f"x has {len(x)} features, but the weights expect {len(weights)}")
    z = bias
    for weight, feature in zip(weights, x, strict=True):
        z += weight * feature
    return z


def perceptron(weights: Vector, bias: float, x: Vector, activation: str = "identity") -> float:
    """Run one neuron, activation(w . x + b): n weights for the n features of x.

    Examples
    --------
    >>> round(perceptron([0.4, -0.1, 0.8], 0.2, [0.5, 1.2, -0.3]), 12)
    0.04
    """
    return activation_named(activation)([weighted_sum(weights, bias, x)])[0]


def dense(weight: Matrix, bias: Vector, x: Vector, activation: str = "identity") -> list[float]:
    """Run a layer, m neurons with the same inputs: activation(W x + b).

    Parameters
    ----------
    weight : sequence of m rows of n floats
        Row i holds the weights of neuron i.
    bias : sequence of m floats
    x : sequence of n floats
    activation : str
        A name, parameters in brackets behind it.

    Returns
    -------
    list of m floats

    Examples
    --------
    >>> weight, bias = [[0.5, -0.2, 0.1], [-0.3, 0.4, 0.7]], [0.1, -0.2]
    >>> [round(z, 12) for z in dense(weight, bias, [1.0, 2.0, -1.0])]
    [0.1, -0.4]
    >>> [round(a, 12) for a in dense(weight, bias, [1.0, 2.0, -1.0], "relu")]
    [0.1, 0.0]
    """
    if len(bias) != len(weight):
        raise ValueError(f"bias has {len(bias)} entries, but weight has {len(weight)} rows")
    z = [weighted_sum(weights, b, x) for weights, b in zip(weight, bias, strict=True)]
    return activation_named(activation)(z)


def dense_batch(
    weight: Matrix, bias: Vector, rows: Matrix, activation: str = "identity"
) -> list[list[float]]:
    """Run a layer on every row of a batch, each on its own.

    Examples
    --------
    >>> weight, bias = [[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0]
    >>> rows = [[1.5, -0.5], [0.0, 1.0], [-1.0, 2.0], [0.5, 0.5]]
    >>> for row in dense_batch(weight, bias, rows, "relu"):
    ...     print([round(a, 12) for a in row])
    [0.85, 0.0, 1.15]
    [0.0, 0.4, 0.1]
    [0.0, 1.1, 0.0]
    [0.15, 0.05, 0.45]
    """
    return [dense(weight, bias, x, activation) for x in rows]


class Layer(NamedTuple):
    """The parameters of a dense layer, as `dense` takes them."""

    weight: Matrix
    bias: Vector
    activation: str = "identity"


def network(layers: Iterable[Layer], x: Vector) -> list[float]:
    """Run a chain of layers: the output of one is the input of the next."""
    a = list(x)
    for layer in layers:
        a = dense(layer.weight, layer.bias, a, layer.activation)
    return a


def network_batch(layers: Iterable[Layer], rows: Matrix) -> list[list[float]]:
    """Run a chain of layers on every row of a batch, each on its own."""
    layers = list(layers)
    return [network(layers, x) for x in rows]


def trace(layers: Iterable[Layer], x: Vector) -> list[tuple[list[float], list[float]]]:
    """Run a chain of layers and keep every layer's (z, a), before and after its activation.

    Examples
    --------
    >>> hidden = Layer([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "relu")
    >>> output = Layer([[0.6, -0.4, 0.2], [-0.1, 0.3, 0.5]], [0.0, 0.1], "softmax")
    >>> for z, a in trace([hidden, output], [1.5, -0.5]):
    ...     print([round(value, 5) for value in z], [round(value, 5) for value in a])
    [0.85, -0.65, 1.15] [0.85, 0.0, 1.15]
    [0.74, 0.59] [0.53743, 0.46257]
    """
    steps = []
    a = list(x)
    for layer in layers:
        z = dense(layer.weight, layer.bias, a)
        a = activation_named(layer.activation)(z)
        steps.append((z, a))
    return steps


def cross_entropy(probabilities: Vector, target: int) -> float:
    """Loss of one prediction, -log(p) with p the probability given to the correct class.

    Examples
    --------
    >>> round(cross_entropy([0.53743, 0.46257], 0), 4)
    0.621
    >>> cross_entropy([1.0, 0.0], 0), cross_entropy([1.0, 0.0], 1)
    (0.0, inf)
    """
    if not 0 <= target < len(probabilities):
        raise ValueError(f"target is {target}, but there are {len(probabilities)} classes")
    p = probabilities[target]
    if p > 0.0:
        return 0.0 - math.log(p)  # not -log(p), which is -0.0 for p = 1
    return math.inf if p == 0.0 else math.nan


def cross_entropy_batch(probabilities: Matrix, targets: Sequence[int]) -> float:
    """Mean loss of a batch of predictions."""
    if len(targets) != len(probabilities):
        raise ValueError(f"there are {len(targets)} targets, but {len(probabilities)} rows")
    if not probabilities:
        raise ValueError("probabilities has 0 rows, but the mean loss needs at least one")
    losses = [cross_entropy(p, target) for p, target in zip(probabilities, targets, strict=True)]
    return total(losses) / len(losses)
