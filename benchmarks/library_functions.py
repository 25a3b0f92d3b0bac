"""Everyone's functions of NumPy arrays, in the form that users call: elementwise, of rows, a dense layer.

exp is that of -|z|; softmax and log_softmax go over the last axis; "relu'" is relu's derivative, as automatic
differentiation gives it. What someone lacks is missing; what is lacking in one dtype, a NotImplementedError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import fastnn
from fastnn._core import dispatch
from fastnn._core.activation_table import ACTIVATIONS, Activation
from fastnn.formats import peers

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


def peers_named(library: peers.Library) -> Iterator[tuple[Activation, str, dict[str, Any]]]:
    """Yield the activations that a library has, what it calls them, and the attributes of ours there."""
    for row in ACTIVATIONS:
        peer = peers.peer_of(library, row.name)
        if peer is not None:
            yield row, *peer


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

    elementwise: dict[str, Callable[..., Any]] = {
        row.name: getattr(torch.nn, name)(**attributes)
        for row, name, attributes in peers_named("torch")
        if not row.row_wise
    }
    others: dict[str, Callable[..., Any]] = {
        "exp": lambda z: torch.exp(-z.abs()),
        "softmax": partial(torch.softmax, dim=-1),
        "log_softmax": partial(torch.log_softmax, dim=-1),
        "dense": lambda weight, bias, x: torch.nn.functional.linear(x, weight, bias),
    }
    functions = {name: of_arrays(function) for name, function in (elementwise | others).items()}
    return functions | {f"{name}'": derivative(function) for name, function in elementwise.items()}


def onnxruntime_functions() -> Functions:
    functions: dict[str, Callable[..., Array]] = {
        row.name: partial(run_node, operator, attributes) for row, operator, attributes in peers_named("onnx")
    }
    functions["exp"] = lambda z: run_node("Exp", {}, -np.abs(z))
    functions["clip"] = lambda z: run_node("Clip", {}, z, np.array(0, z.dtype), np.array(6, z.dtype))
    functions["dense"] = lambda weight, bias, x: run_node("Gemm", {"transB": 1}, x, weight, bias)
    return functions


def run_node(operator: str, attributes: Mapping[str, float | str], *arrays: Array) -> Array:
    """Return the output of a model that is this one operator."""
    ranks = tuple(array.ndim for array in arrays)
    session = node_session(operator, tuple(attributes.items()), arrays[0].dtype.name, ranks)
    output: Array = session.run(None, {f"x{i}": array for i, array in enumerate(arrays)})[0]
    return output


@cache
def node_session(
    operator: str, attributes: tuple[tuple[str, float | str], ...], dtype: str, ranks: tuple[int, ...]
) -> Any:
    onnx, ort = import_module("onnx"), import_module("onnxruntime")
    helper = onnx.helper
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    names = [f"x{i}" for i in range(len(ranks))]
    inputs = [
        helper.make_tensor_value_info(name, element, [None] * rank)
        for name, rank in zip(names, ranks, strict=True)
    ]
    output = helper.make_tensor_value_info("y", element, None)
    node = helper.make_node(operator, names, ["y"], **dict(attributes))
    graph = helper.make_graph([node], "node", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    try:
        return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except ort.capi.onnxruntime_pybind11_state.NotImplemented as error:
        raise NotImplementedError(f"{operator} of {dtype}") from error


PEERS = contenders.PEERS
LIBRARIES = {
    "fastnn": Library(("fastnn",), fastnn_functions, contenders.FASTNN),
    "NumPy": Library(("numpy",), numpy_functions, PEERS["numpy"]),
    "SciPy": Library(("scipy",), scipy_functions),
    "PyTorch": Library(("torch",), torch_functions, PEERS["torch"]),
    "ONNX Runtime": Library(("onnxruntime", "onnx"), onnxruntime_functions, PEERS["onnxruntime"]),
}
