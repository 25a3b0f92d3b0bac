"""Layers and networks as the code that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fastnn.layers import Dense, Perceptron
    from fastnn.network import Network

Array = np.ndarray[Any, Any]

LONGEST = 72  # of an array that is written out; of others the dtype and the shape stand in brackets
MOST_NUMBERS = 36  # that could be so short
MOST_LAYERS = 12
LINE = 88


def dense(layer: Dense) -> str:
    """Return the call that makes a layer, or with ``<float32 (32, 64)>`` where its arrays are large."""
    arguments = arrays(layer.weight) if layer.bias is None else arrays(layer.weight, layer.bias)
    if layer.activation != "identity":
        keyword = "activation=" if layer.bias is None else ""
        arguments.append(f'{keyword}"{layer.activation}"')
    return f"Dense({', '.join(arguments)})"


def perceptron(neuron: Perceptron) -> str:
    """Return the call that makes a neuron, or with ``<float32 (64,)>`` where it has many weights."""
    arguments = [*arrays(neuron.weights), str(neuron.dtype.type(neuron.bias))]
    if neuron.activation != "identity":
        arguments.append(f'"{neuron.activation}"')
    return f"Perceptron({', '.join(arguments)})"


def network(net: Network) -> str:
    """Return the call that makes a network, on a line for each layer where one line would be long."""
    layers = [dense(layer) for layer in net.layers]
    short = f"Network([{', '.join(layers)}])"
    if len(short) <= LINE:
        return short
    if len(layers) > MOST_LAYERS:
        half = MOST_LAYERS // 2
        layers = [*layers[:half], "...", *layers[-half:]]
    return "\n".join(["Network([", *(f"    {layer}," for layer in layers), "])"])


def arrays(*all_values: Array) -> list[str]:
    """Return arrays as arguments, all written out or none. A plain list is float64."""
    if all(values.size <= MOST_NUMBERS and len(values) for values in all_values):
        texts = [nested(values) for values in all_values]
        if max(map(len, texts)) <= LONGEST:
            dtype = all_values[0].dtype
            return texts if dtype == np.float64 else [f"{dtype}({text})" for text in texts]
    return [f"<{values.dtype} {values.shape}>" for values in all_values]


def nested(values: Array) -> str:
    """Return numbers, or rows of them, as a list with as many digits as tell them apart."""
    parts = (nested(value) if np.ndim(value) else str(value) for value in values)
    return f"[{', '.join(parts)}]"
