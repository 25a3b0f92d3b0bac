"""Everyone's functions of NumPy arrays, in the form that users call: elementwise, of rows, a dense layer.

exp is that of -|z|; softmax and log_softmax go over the last axis; "relu'" is relu's derivative, as automatic
differentiation gives it. What someone lacks is missing from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import fastnn
from fastnn._core import dispatch

if TYPE_CHECKING:
    from benchmarks import contenders
else:
    import contenders

Array = np.ndarray[Any, Any]
Functions = Mapping[str, Callable[..., Array]]

ROW_WISE = ("softmax", "log_softmax")


class Library(NamedTuple):
    """Someone who has such functions."""

    modules: tuple[str, ...]  # all have to be installed; the first has the version
    functions: Callable[[], Functions]
    peer: contenders.Peer | None = None  # how it runs whole networks


def fastnn_functions() -> Functions:
    def exp(z: Array) -> Array:
        # Its functions are made of e^-|z|; there is none for users.
        out = np.empty_like(z)
        dispatch.kernels(z.dtype).exponential(z, out)
        return out

    return {
        "exp": exp,
        "sigmoid": fastnn.sigmoid,
        "tanh": fastnn.tanh,
        "softmax": fastnn.softmax,
        "log_softmax": fastnn.log_softmax,
    }


def numpy_functions() -> Functions:
    def softmax(z: Array) -> Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        quotient: Array = e / e.sum(axis=-1, keepdims=True)
        return quotient

    def log_softmax(z: Array) -> Array:
        d = z - z.max(axis=-1, keepdims=True)
        difference: Array = d - np.log(np.exp(d).sum(axis=-1, keepdims=True))
        return difference

    return {
        "exp": lambda z: np.exp(-np.abs(z)),
        "relu": lambda z: np.maximum(z, 0),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "softmax": softmax,
        "log_softmax": log_softmax,
        "dense": lambda weight, bias, x: x @ weight.T + bias,
    }


def scipy_functions() -> Functions:
    special = import_module("scipy.special")
    return {
        "sigmoid": special.expit,
        "softmax": partial(special.softmax, axis=-1),
        "log_softmax": partial(special.log_softmax, axis=-1),
    }


def torch_functions() -> Functions:
    torch = import_module("torch")

    def of_arrays(function: Callable[..., Any]) -> Callable[..., Array]:
        return lambda *arrays: function(*map(torch.tensor, arrays)).numpy()

    def derivative(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
        def of_array(array: Array) -> Array:
            z = torch.tensor(array, requires_grad=True)
            function(z).sum().backward()
            slope: Array = z.grad.numpy()
            return slope

        return of_array

    elementwise = {name: getattr(torch, name) for name in ("relu", "sigmoid", "tanh")}
    others = {
        "exp": lambda z: torch.exp(-z.abs()),
        "softmax": partial(torch.softmax, dim=-1),
        "log_softmax": partial(torch.log_softmax, dim=-1),
        "dense": lambda weight, bias, x: torch.nn.functional.linear(x, weight, bias),
    }
    functions = {name: of_arrays(function) for name, function in (elementwise | others).items()}
    return functions | {f"{name}'": derivative(function) for name, function in elementwise.items()}


def onnxruntime_functions() -> Functions:
    operators = {
        "relu": "Relu",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
        "softmax": "Softmax",
        "log_softmax": "LogSoftmax",
    }
    functions: dict[str, Callable[..., Array]] = {
        name: partial(run_node, operator) for name, operator in operators.items()
    }
    functions["exp"] = lambda z: run_node("Exp", -np.abs(z))
    functions["dense"] = lambda weight, bias, x: run_node("Gemm", x, weight, bias)
    return functions


def run_node(operator: str, *arrays: Array) -> Array:
    """Return the output of a model that is this one operator."""
    ranks = tuple(array.ndim for array in arrays)
    session = node_session(operator, arrays[0].dtype.name, ranks)
    output: Array = session.run(None, {f"x{i}": array for i, array in enumerate(arrays)})[0]
    return output


@cache
def node_session(operator: str, dtype: str, ranks: tuple[int, ...]) -> Any:
    onnx, ort = import_module("onnx"), import_module("onnxruntime")
    helper = onnx.helper
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    names = [f"x{i}" for i in range(len(ranks))]
    inputs = [
        helper.make_tensor_value_info(name, element, [None] * rank)
        for name, rank in zip(names, ranks, strict=True)
    ]
    output = helper.make_tensor_value_info("y", element, None)
    attributes = {"transB": 1} if operator == "Gemm" else {}
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["y"], **attributes)], "node", inputs, [output]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


PEERS = contenders.PEERS
LIBRARIES = {
    "fastnn": Library(("fastnn",), fastnn_functions, contenders.FASTNN),
    "NumPy": Library(("numpy",), numpy_functions, PEERS["numpy"]),
    "SciPy": Library(("scipy",), scipy_functions),
    "PyTorch": Library(("torch",), torch_functions, PEERS["torch"]),
    "ONNX Runtime": Library(("onnxruntime", "onnx"), onnxruntime_functions, PEERS["onnxruntime"]),
}
