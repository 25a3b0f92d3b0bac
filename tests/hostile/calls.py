"""Every public function, with values of its arguments that are right, and what it is documented to raise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from docstrings import errors_of
from support import ROW_WISE, TABLE
from values import Liar, numbered

import fastnn
from fastnn import Dense, Network, Perceptron

LAYER = Dense([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "tanh")
NETS = [
    Network([LAYER, Dense(numbered((2, 3), "f8") / 4, None, "softmax")], dtype)
    for dtype in ("float32", "float64")
]
WIDE = Network([Dense(numbered((70, 65), "f4") / 8 - 0.5, None, "relu")])
NEURON = Perceptron([1.0, 2.0], 0.5, "sigmoid")
PARAMETERS = [p for callee in (*NETS, WIDE) for layer in callee.layers for p in (layer.weight, layer.bias)]

GOOD_X: list[Any] = [
    *(numbered((3, 2), "f4"), numbered(2, "f8"), [[1, 2]], numbered((2, 3, 2), "f8"), numbered(65, "f4"))
]
GOOD_OUT: list[Any] = [None, np.zeros((3, 2), "f4"), np.zeros(2), np.zeros((2, 3, 2)), np.zeros(70, "f4")]
COUNTS: list[Any] = [None, 1, 2, np.int8(3)]
NAMES: list[Any] = [
    "relu",
    "softmax",
    "leaky_relu(0.2)",
    "clip(0, 6)",
    "elu(nan)",
    "relu(1)",
    "clip((",
    "x()",
]
NUMBERS: list[Any] = [0.5, 2, np.float32(0.1), float("nan")]
DTYPES: list[Any] = [None, "float32", np.float64, "f2", "complex64"]
PATHS: list[Any] = ["nowhere", Path("nowhere"), b"nowhere", "."]
NEW_PATHS: list[Any] = ["net.safetensors", Path("net"), b"net", "no/where"]
STATES: list[Any] = [
    {},
    {"a.weight": np.ones((3, 2)), "a.bias": np.ones(3)},
    {"a.weight": np.ones((2, 2)).view(Liar)},
]

# Arguments that are taken by name alone, and those whose copies, as NumPy makes them, are as good.
BY_NAME = {label for row in TABLE for label, _ in row.parameters} | {"output", "external_data"}
ARRAYS = {"x", "z", "weight", "weights", "bias", "probabilities", "targets", "blocks", "golden"}


class Call(NamedTuple):
    """A function, with some values that are right for each argument."""

    function: Callable[..., Any]
    good: dict[str, list[Any]]
    described_by: Any = None  # what has its docstring, if it hasn't one

    @property
    def documented(self) -> tuple[type[Exception], ...]:
        return errors_of(self.described_by or self.function)

    def make(self, arguments: dict[str, Any], by_place: int = 1) -> Any:
        """Call the function, with so many arguments by their place and the others by name."""
        places = list(arguments.values())[:by_place]
        return self.function(*places, **dict(list(arguments.items())[by_place:]))


def activation(name: str) -> Call:
    """Return the call of an elementwise function, with its parameters."""
    labels = [
        label for row in TABLE if row.name == name.removesuffix("_derivative") for label, _ in row.parameters
    ]
    return Call(getattr(fastnn, name), {"z": GOOD_X, "out": GOOD_OUT, **dict.fromkeys(labels, NUMBERS)})


AS_CALLED = {"x": GOOD_X, "out": GOOD_OUT, "threads": COUNTS}
CALLS = {
    "Dense": Call(
        Dense, {"weight": [np.ones((3, 2)), [[1.0]]], "bias": [None, np.ones(3)], "activation": NAMES}
    ),
    "Dense()": Call(LAYER.__call__, AS_CALLED),
    "Dense.astype": Call(LAYER.astype, {"dtype": DTYPES}),
    "Perceptron": Call(Perceptron, {"weights": [np.ones(2), [1.0]], "bias": [0.0, 1], "activation": NAMES}),
    "Perceptron()": Call(NEURON.__call__, {"x": GOOD_X}),
    "Network": Call(Network, {"layers": [[LAYER], [LAYER, LAYER], []], "dtype": DTYPES}),
    "Network of one": Call(lambda layer: Network([LAYER, layer]), {"layer": [LAYER]}, Network),
    "Network() float32": Call(NETS[0].__call__, AS_CALLED),
    "Network() float64": Call(NETS[1].__call__, AS_CALLED),
    "Network() of one layer": Call(WIDE.__call__, AS_CALLED),
    "Network.astype": Call(NETS[0].astype, {"dtype": DTYPES}),
    "Network.predict": Call(NETS[1].predict, {"x": GOOD_X, "batch_size": COUNTS}),
    "Network.iter_predict": Call(
        lambda blocks: list(NETS[1].iter_predict(blocks)),
        {"blocks": [[numbered((3, 2), "f4"), [[1, 2]]], numbered((2, 3, 2), "f8")]},
        Network.iter_predict,
    ),
    "Network.trace": Call(NETS[1].trace, {"x": GOOD_X}),
    "Network.save": Call(NETS[0].save, {"path": NEW_PATHS, "golden": [None, *GOOD_X]}),
    "Network.to_onnx": Call(NETS[0].to_onnx, {"path": NEW_PATHS}),
    "==": Call(
        lambda other: [callee.__eq__(other) for callee in (NETS[0], LAYER, NEURON)],
        {"other": [NETS[1], LAYER]},
    ),
    **{name: activation(name) for name in fastnn.elementwise.__all__},
    **{
        name: Call(getattr(fastnn, name), {"z": GOOD_X, "out": GOOD_OUT, "axis": [-1, 0, 1, 2]})
        for name in ROW_WISE
    },
    "cross_entropy": Call(
        fastnn.cross_entropy,
        {"probabilities": [*GOOD_X, [0.5, 0.5]], "targets": [0, 1, [0, 1, 1], np.zeros(3, "u1")]},
    ),
    "set_num_threads": Call(fastnn.set_num_threads, {"n": COUNTS[1:]}),
    "load": Call(fastnn.load, {"path": PATHS}),
    "open_model": Call(fastnn.open_model, {"path": PATHS}),
    "from_keras": Call(fastnn.from_keras, {"model": PATHS}),
    "from_onnx": Call(
        fastnn.from_onnx, {"model": PATHS, "output": [None, "y"], "external_data": [False, True]}
    ),
    "from_sklearn": Call(fastnn.from_sklearn, {"estimator": [None]}),
    "from_torch": Call(
        fastnn.from_torch, {"model": [*PATHS, *STATES], "activations": [None, *NAMES, NAMES[:1]]}
    ),
    "from_torch of a dict": Call(
        lambda weight, bias: fastnn.from_torch({"0.weight": weight, "0.bias": bias}, ["relu"]),
        {"weight": [np.ones((3, 2))], "bias": [np.ones(3)]},
        fastnn.from_torch,
    ),
}
WITHOUT_ARGUMENTS = {"available_isas", "get_num_threads", "isa"}
WITHOUT_ARGUMENTS |= {"Network.summary", "Network.to_keras", "Network.to_torch"}
# The modules draw what they are given, and are the plain loops that others are compared with.
NO_FUNCTIONS = {"ModelFileError", "__version__", "plot", "reference", "Dense.plan_row"}
