"""Dense layers as an ONNX file: a Gemm for each, nodes for its activation, the parameters as initializers.

Opset 20 is the first that has Gelu; ONNX Runtime reads it since 1.17.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from fastnn._core.activation_names import parse
from fastnn._version import __version__
from fastnn.formats.files import check_suffix, replacing
from fastnn.formats.onnx.graph import MAX_BYTES
from fastnn.formats.onnx.tensors import Array
from fastnn.formats.peers import peer_of
from fastnn.layers import Dense

OPSET = 20
IR_VERSION = 9


def write(path: str | os.PathLike[str], layers: Sequence[Dense]) -> None:
    """Write layers to a file, whole or not at all."""
    check_suffix(path, ".onnx")
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
        z = result if layer.activation == "identity" else f"{i}.z"
        inputs = [value, f"{i}.weight"]
        tensors.append(numpy_helper.from_array(layer.weight, f"{i}.weight"))
        if layer.bias is not None:
            inputs.append(f"{i}.bias")
            tensors.append(numpy_helper.from_array(layer.bias, f"{i}.bias"))
        nodes.append(helper.make_node("Gemm", inputs, [z], f"{i}.gemm", transB=1))
        if z != result:
            bounds = add_activation(nodes, layer, i, z, result)
            tensors += [numpy_helper.from_array(bound, name) for name, bound in bounds.items()]
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


def add_activation(nodes: list[NodeProto], layer: Dense, i: int, z: str, result: str) -> dict[str, Array]:
    """Add the nodes of a layer's activation, which make `result` of z; return the constants they take."""
    chosen = parse(layer.activation)
    name, label = chosen.row.name, f"{i}.{chosen.row.name}"
    peer = peer_of("onnx", layer.activation)
    with np.errstate(all="ignore"):
        parameters = np.array(chosen.parameters, layer.dtype if name == "clip" else np.float32)
    if not np.isfinite(parameters).all():
        raise ValueError(f"layers[{i}] has activation {layer.activation}, beyond ONNX's {parameters.dtype}")
    if name == "silu":
        nodes.append(helper.make_node("Sigmoid", [z], [f"{i}.gate"], f"{label}.gate"))
        nodes.append(helper.make_node("Mul", [z, f"{i}.gate"], [result], label))
    elif name == "clip":
        bounds = dict(zip((f"{i}.low", f"{i}.high"), parameters, strict=True))
        nodes.append(helper.make_node("Clip", [z, *bounds], [result], label))
        return {key: np.asarray(bound) for key, bound in bounds.items()}
    elif peer is not None:
        operator, attributes = peer
        nodes.append(helper.make_node(operator, [z], [result], label, **attributes))
    else:
        raise ValueError(f"layers[{i}] has activation {name}, which is no operator of ONNX")
    return {}
