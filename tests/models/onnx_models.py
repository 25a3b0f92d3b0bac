"""ONNX models made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


def model_of(
    nodes: Sequence[Any],
    constants: Mapping[str, Any],
    shape: Sequence[Any] = ("N", 4),
    *,
    dtype: Any = np.float32,
    opset: int = 21,
    outputs: Sequence[str] = ("y",),
    ml: int = 3,
) -> Any:
    """Return a model from input x to outputs, each made by a node; constants are initializers."""
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    given = helper.make_tensor_value_info("x", number, shape)
    made = [helper.make_tensor_value_info(name, number, None) for name in outputs]
    tensors = [
        value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value), name)
        for name, value in constants.items()
    ]
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
    return helper.make_model(
        helper.make_graph(nodes, "graph", [given], made, tensors), opset_imports=opsets, ir_version=9
    )


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """Return a node; names are separated by spaces, and "-" is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    domain = attributes.pop("domain", "")
    return helper.make_node(
        operator, names, outputs.split(), f"the_{outputs.split()[0]}", domain=domain, **attributes
    )


def perceptron(dtype: Any = np.float32, seed: int = 0) -> Any:
    """Return a network 4-5-3 of Gemm, ReLU and Softmax."""
    rng = np.random.default_rng(seed)
    constants = {
        "w1": rng.standard_normal((5, 4)).astype(dtype),
        "b1": rng.standard_normal(5).astype(dtype),
        "w2": rng.standard_normal((5, 3)).astype(dtype),
        "b2": rng.standard_normal(3).astype(dtype),
    }
    nodes = [
        node("Gemm", "x w1 b1", "z1", transB=1),
        node("Relu", "z1", "a1"),
        node("MatMul", "a1 w2", "p2"),
        node("Add", "p2 b2", "z2"),
        node("Softmax", "z2", "y", axis=1),
    ]
    return model_of(nodes, constants, dtype=dtype)


def normal(*shape: int, dtype: Any = np.float32) -> Any:
    """Return normal deviates, the same for the same shape."""
    return np.random.default_rng(shape).standard_normal(shape).astype(dtype)


X = normal(9, 4, dtype=np.float64)
W = normal(4, 3)
B = normal(3)
POSITIVE = np.abs(normal(4)) + 0.5
WIDE = 4 * X  # both sides of every kink


def after_gemm(*nodes: Any, constants: dict[str, Any] | None = None, **options: Any) -> Any:
    """Return a model of Gemm, from x to z, and these nodes."""
    return model_of([node("Gemm", "x w b", "z"), *nodes], {"w": W, "b": B, **(constants or {})}, **options)
