"""An ONNX graph as dense layers.

The nodes that the wanted output needs are read one after another, each by the function of its operator: what
depends on the input is an `Affine` tensor, all else is computed. The output's chain of layers is the network.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from onnx import ModelProto, TypeProto

from fastnn.formats.files import ModelFileError
from fastnn.formats.onnx import activations, arithmetic, passive, shapes
from fastnn.formats.onnx.affine import Affine, Budget, Layer
from fastnn.formats.onnx.composites import PARTS, probabilities_of_two
from fastnn.formats.onnx.graph import Graph, Input, Node, open_graph
from fastnn.formats.onnx.operators import Context, Operators, Value
from fastnn.formats.onnx.tensors import FLOAT_BITS, element
from fastnn.layers import Dense

OPERATORS = Operators(
    {
        key: operator
        for module in (activations, arithmetic, passive, shapes)
        for key, operator in module.OPERATORS.items()
    }
)
MAX_MESSAGE = 400  # the names and numbers in it can be a file's worst
INPUT_COST = 200  # in numbers: what an input of a node takes beside the numbers that are made of it


def read(
    source: str | os.PathLike[str] | ModelProto, output: str | None = None, external_data: bool = False
) -> list[Dense]:
    """Read the layers between the graph's input and one of its outputs."""
    name = "the ONNX model" if isinstance(source, ModelProto) else os.fsdecode(source)
    try:
        with np.errstate(all="ignore"):
            return read_layers(open_graph(source, external_data), output)
    except ValueError as error:
        raise ModelFileError(f"{name}: {error!s:.{MAX_MESSAGE}}") from error


def read_layers(graph: Graph, output: str | None) -> list[Dense]:
    """Return the layers of an output; examples lie along its first axis, or along none."""
    wanted = only_output(graph.outputs) if output is None else output
    budget = Budget()
    nodes = needed(graph, [wanted])
    reached = {wanted, *(name for i in nodes for name in graph.nodes[i].inputs)}
    data = {name: data_tensor(name, given, budget) for name, given in graph.inputs.items() if name in reached}
    if len(data) > 1:
        raise ValueError(f"output {wanted!r} depends on inputs {', '.join(map(repr, data))}, expected one")
    values: dict[str, Value] = dict(data)
    evaluate(graph, nodes, values, budget)
    value = value_of(wanted, graph, values, budget)
    if not isinstance(value, Affine):
        raise ValueError(f"output {wanted!r} doesn't depend on an input")
    (source,) = data.values()
    if value.batch != source.batch:
        raise ValueError(f"output {wanted!r} has examples along axes {value.batch}, its input {source.batch}")
    return layers_of(value)


def only_output(outputs: Mapping[str, TypeProto]) -> str:
    """Return the output that is meant: of several, the one that holds reals or maps from labels to reals."""
    names = list(outputs)
    if len(names) != 1:
        names = [name for name, kind in outputs.items() if holds_reals(kind)]
    if len(names) != 1:
        raise ValueError(f"it has outputs {', '.join(map(repr, outputs)) or 'none'}: name the one to read")
    return names[0]


def holds_reals(kind: TypeProto) -> bool:
    """Whether a type is a tensor of reals, or the list of maps that ZipMap makes of one."""
    if kind.HasField("sequence_type"):
        kind = kind.sequence_type.elem_type.map_type.value_type
    if not kind.HasField("tensor_type"):
        return False
    try:
        return element(kind.tensor_type.elem_type).name in FLOAT_BITS
    except ValueError:
        return False


def data_tensor(name: str, given: Input, budget: Budget) -> Affine:
    """Return a graph's input as a tensor of examples.

    They lie along the first axis, or, of a matrix, along the only one without a fixed size; a vector of fixed
    size is one example.
    """
    shape = given.shape
    if not shape:
        raise ValueError(f"input {name!r} has no shape, expected examples and features")
    batch: tuple[int, ...] = (0,)
    if len(shape) == 1 and shape[0] is not None:
        batch = ()
    elif len(shape) == 2 and shape[1] is None and shape[0] is not None:
        batch = (1,)
    sizes = [1 if axis in batch else size for axis, size in enumerate(shape)]
    features = [size for size in sizes if size is not None]
    if len(features) < len(sizes):
        raise ValueError(f"input {name!r} has shape {shape}, expected a fixed number of features")
    return input_tensor(features, batch, given.element, budget, shape[batch[0]] if batch else None)


def input_tensor(
    shape: Sequence[int], batch: tuple[int, ...], number: int, budget: Budget, examples: int | None = None
) -> Affine:
    """Return the network's input as a tensor of that shape, 1 along the axes of examples."""
    width = math.prod(shape)
    budget.spend(width)
    rows = np.arange(width).reshape(shape)
    return Affine(Layer(width, budget, examples), rows, batch, element(number).name)


def needed(graph: Graph, wanted: Iterable[str]) -> list[int]:
    """Return the nodes that the wanted values depend on, in the file's order."""
    found: set[int] = set()
    names = list(wanted)
    while names:
        i = graph.makers.get(names.pop())
        if i is not None and i not in found:
            found.add(i)
            names += graph.nodes[i].inputs
    return sorted(found)


def evaluate(graph: Graph, nodes: Sequence[int], values: dict[str, Value], budget: Budget) -> None:
    """Add the nodes' outputs to the values."""
    for i in nodes:
        node = graph.nodes[i]
        try:
            inputs = [value_of(name, graph, values, budget) if name else None for name in node.inputs]
            result = apply(node, inputs, budget)
            if not isinstance(result, Affine):
                budget.spend(result.size)  # it stays in memory, however often it was cast
        except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
            raise ValueError(f"{node.label}: {error}") from error
        values[node.outputs[0]] = result


def apply(node: Node, inputs: Sequence[Value | None], budget: Budget) -> Value:
    """Return what a node makes of its inputs."""
    operator = OPERATORS.get((node.domain, node.operator))
    if operator is None:
        where = f" of {node.domain!r}" if node.domain else ""
        raise ValueError(f"an operator{where} that has no place in a chain of dense layers")
    if node.operator not in ("Identity", "Cast") and any(isinstance(x, Affine) and x.spread for x in inputs):
        raise ValueError("data that was reshaped to (-1, 1), which mixes examples")
    budget.step(INPUT_COST * (1 + len(inputs)))
    return operator(Context(node, budget), inputs)


def value_of(name: str, graph: Graph, values: dict[str, Value], budget: Budget) -> Value:
    """Return a value that was there or was made, or else an initializer."""
    if name not in values:
        constant = graph.constant(name)
        if constant is None:
            raise ValueError(f"value {name[:100]!r}, which nothing before it makes")
        budget.earn(constant)
        values[name] = constant
    return values[name]


def layers_of(value: Affine) -> list[Dense]:
    """Return the chain of layers that ends in a tensor."""
    value = probabilities_of_two(value)
    layer = value.layer
    stages = []
    if layer.before is None or not value.bare:
        stages.append((value, "identity"))
    while layer.before is not None:
        if layer.activation in PARTS:
            raise ValueError(f"{layer.label}: read as a part of {PARTS[layer.activation]} only")
        stages.append((layer.before, layer.activation))
        layer = layer.before.layer
    untouched = value.layer.before is None and value.matrix is None
    wide = value.wide or (untouched and value.element == "float64")
    dtype = np.float64 if wide else np.float32
    layers = []
    for tensor, activation in reversed(stages):
        weight, bias = tensor.parameters()
        layers.append(Dense(weight.astype(dtype), None if bias is None else bias.astype(dtype), activation))
    return layers
