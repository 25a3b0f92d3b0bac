"""Dense layers as an ONNX file: a Gemm for each, nodes for its activation, the parameters as initializers.

Opset 20 is the first that has Gelu; ONNX Runtime reads it since 1.17.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from fastnn._core.activation_names import parse
from fastnn._version import __version__
from fastnn.formats.files import replacing
from fastnn.formats.onnx_graph import MAX_BYTES
from fastnn.layers import Dense

OPSET = 20
IR_VERSION = 9


def write(path: str | os.PathLike[str], layers: Sequence[Dense]) -> None:
    """Write layers to a file, whole or not at all."""
    size = sum(layer.n_parameters * layer.dtype.itemsize for layer in layers)
    if size > MAX_BYTES:
        raise ValueError(
            f"the network's parameters have {size} bytes, but an ONNX file has {MAX_BYTES} at most"
        )
    data = model_of(layers).SerializeToString(deterministic=True)
    with replacing(path) as file:
        file.write(data)


def model_of(layers: Sequence[Dense]) -> ModelProto:
    """Return the model, from examples x (N, n_inputs) to y (N, n_outputs)."""
    nodes: list[NodeProto] = []
    tensors: list[TensorProto] = []
    value = "x"
    for i, layer in enumerate(layers):
        result = "y" if i == len(layers) - 1 else f"{i}.a"
        add_layer(nodes, tensors, layer, i, value, result)
        value = result
    number = helper.np_dtype_to_tensor_dtype(layers[0].dtype)
    given = helper.make_tensor_value_info("x", number, ["N", layers[0].n_inputs])
    made = helper.make_tensor_value_info("y", number, ["N", layers[-1].n_outputs])
    return helper.make_model(
        helper.make_graph(nodes, "fastnn", [given], [made], tensors),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fastnn",
        producer_version=__version__,
    )


def add_layer(
    nodes: list[NodeProto], tensors: list[TensorProto], layer: Dense, i: int, value: str, result: str
) -> None:
    """Add a layer's nodes, which make `result` of `value`, and its tensors."""
    inputs = [value, f"{i}.weight"]
    tensors.append(numpy_helper.from_array(layer.weight, f"{i}.weight"))
    if layer.bias is not None:
        inputs.append(f"{i}.bias")
        tensors.append(numpy_helper.from_array(layer.bias, f"{i}.bias"))
    z = result if layer.activation == "identity" else f"{i}.z"
    nodes.append(helper.make_node("Gemm", inputs, [z], f"{i}.gemm", transB=1))
    chosen = parse(layer.activation)
    name, parameters, onnx = chosen.row.name, chosen.parameters, chosen.row.onnx
    label = f"{i}.{name}"
    if name == "silu":
        gate = f"{i}.gate"
        nodes.append(helper.make_node("Sigmoid", [z], [gate], f"{label}.gate"))
        nodes.append(helper.make_node("Mul", [z, gate], [result], label))
    elif name == "clip":
        bounds = [f"{i}.low", f"{i}.high"]
        tensors += [
            numpy_helper.from_array(np.array(parameter, layer.dtype), bound)
            for parameter, bound in zip(parameters, bounds, strict=True)
        ]
        nodes.append(helper.make_node("Clip", [z, *bounds], [result], label))
    elif onnx is not None:
        attributes: dict[str, Any] = {key: values[0] for key, values in onnx.required.items()}
        attributes.update(zip(map(str, onnx.parameters), parameters, strict=True))
        nodes.append(helper.make_node(onnx.name, [z], [result], label, **attributes))
