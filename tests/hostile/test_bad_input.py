"""Every public function is given anything at all: documented errors, nothing written, nothing lost.

FASTNN_HOSTILE_EXAMPLES says how many examples each function gets; `make stress` asks for many.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import ROW_WISE, TABLE, Activation, same_bits

import fastnn
from fastnn import Dense, Network, Perceptron

sys.path.insert(0, str(Path(__file__).parent))

from values import Liar, anything

EXAMPLES = int(os.environ.get("FASTNN_HOSTILE_EXAMPLES", "40"))

LAYER = Dense([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "tanh")
NETS = [Network([LAYER, Dense(np.eye(2, 3), None, "softmax")], dtype) for dtype in ("float32", "float64")]
WIDE = Network([Dense(np.ones((70, 65), np.float32), None, "relu")])
NEURON = Perceptron([1.0, 2.0], 0.5, "sigmoid")
PARAMETERS = [p for callee in (*NETS, WIDE) for layer in callee.layers for p in (layer.weight, layer.bias)]

GOOD_X: list[Any] = [np.ones((3, 2), np.float32), np.ones(2), [[1, 2]], np.ones((2, 3, 2)), np.ones(65, "f4")]
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
STATES: list[Any] = [
    {},
    {"a.weight": np.ones((3, 2)), "a.bias": np.ones(3)},
    {"a.weight": np.ones((2, 2)).view(Liar)},
]


def with_parameters(row: Activation) -> Callable[..., Any]:
    """Return a row's function, taking its parameters behind out."""
    labels = [label for label, _ in row.parameters]
    function = getattr(fastnn, row.name)

    def call(z: Any, out: Any = None, *values: Any) -> Any:
        return function(z, out=out, **dict(zip(labels, values, strict=False)))

    return call


# What is called, and for each argument some values that are right.
CALLS: dict[str, tuple[Callable[..., Any], list[list[Any]]]] = {
    "Dense": (Dense, [[np.ones((3, 2)), [[1.0]]], [None, np.ones(3)], NAMES]),
    "Dense()": (LAYER, [GOOD_X, GOOD_OUT, COUNTS]),
    "Dense.astype": (LAYER.astype, [DTYPES]),
    "Perceptron": (Perceptron, [[np.ones(2), [1.0]], [0.0, 1], NAMES]),
    "Perceptron()": (NEURON, [GOOD_X]),
    "Network": (Network, [[[LAYER], [LAYER, LAYER], []], DTYPES]),
    "Network of one": (lambda layer: Network([LAYER, layer]), [[LAYER]]),
    "Network() float32": (NETS[0], [GOOD_X, GOOD_OUT, COUNTS]),
    "Network() float64": (NETS[1], [GOOD_X, GOOD_OUT, COUNTS]),
    "Network() of one layer": (WIDE, [GOOD_X, GOOD_OUT, COUNTS]),
    "Network.trace": (NETS[1].trace, [GOOD_X]),
    "Network.astype": (NETS[0].astype, [DTYPES]),
    "==": (lambda other: (NETS[0] == other, other == LAYER, other == NEURON), [[NETS[1], LAYER]]),
    **{name: (getattr(fastnn, name), [GOOD_X, GOOD_OUT]) for name in fastnn.elementwise.__all__},
    **{
        f"{row.name} with parameters": (
            with_parameters(row),
            [GOOD_X, GOOD_OUT, *[NUMBERS] * len(row.parameters)],
        )
        for row in TABLE
        if row.parameters
    },
    **{name: (getattr(fastnn, name), [GOOD_X, GOOD_OUT, [-1, 0, 1, 2]]) for name in ROW_WISE},
    "cross_entropy": (fastnn.cross_entropy, [[*GOOD_X, [0.5, 0.5]], [0, 1, [0, 1, 1], np.zeros(3, "u1")]]),
    "set_num_threads": (fastnn.set_num_threads, [COUNTS[1:]]),
    "load": (fastnn.load, [PATHS]),
    "open_model": (fastnn.open_model, [PATHS]),
    "from_keras": (fastnn.from_keras, [PATHS]),
    "from_onnx": (fastnn.from_onnx, [PATHS]),
    "from_sklearn": (fastnn.from_sklearn, [[None]]),
    "from_torch": (fastnn.from_torch, [[*PATHS, *STATES], [None, *NAMES, NAMES[:1]]]),
    "from_torch of a dict": (
        lambda weight, bias: fastnn.from_torch({"0.weight": weight, "0.bias": bias}, "relu"),
        [[np.ones((3, 2))], [np.ones(3)]],
    ),
    "Network.save": (NETS[0].save, [["net.safetensors", Path("net"), b"net", "no/where"]]),
}
# The modules draw what they are given, and are the plain loops that others are compared with.
WITHOUT_ARGUMENTS = {"available_isas", "get_num_threads", "isa"}
NO_FUNCTIONS = {"ModelFileError", "__version__", "plot", "reference"}

# ImportError is of a package that a format needs, ZeroDivisionError of the hostile objects themselves.
DOCUMENTED = (TypeError, ValueError, MemoryError, OSError, ImportError, ZeroDivisionError)


def test_every_public_function_is_called() -> None:
    called = {name.partition(" ")[0].removesuffix("()") for name in CALLS}
    assert set(fastnn.__all__) - called == WITHOUT_ARGUMENTS | NO_FUNCTIONS


@pytest.fixture(autouse=True)
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = fastnn.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield
    fastnn.set_num_threads(before)


def memory(value: Any) -> tuple[Any, bytes] | None:
    """Return the array that holds an array's memory, and what is in it; None for what holds objects."""
    if not isinstance(value, np.ndarray):
        return None
    while isinstance(value.base, np.ndarray):
        value = value.base
    plain = value.view(np.ndarray)
    return None if plain.dtype.hasobject else (plain, plain.tobytes())


def draw_arguments(data: st.DataObject, good: list[list[Any]]) -> list[Any]:
    arguments: list[Any] = []
    for values in good:
        right = st.integers(0, len(values) - 1).map(lambda i, values=values: copy(values[i]))
        kinds = [right, anything()]
        if arguments and isinstance(arguments[0], np.ndarray):
            x = np.asarray(arguments[0])
            kinds.append(st.sampled_from([x, x[::-1] if x.ndim else x, x.T, x[1:] if x.ndim else x]))
            kinds.append(st.sampled_from([p for p in PARAMETERS if p is not None]))
        arguments.append(data.draw(st.one_of(kinds)))
    return arguments[: data.draw(st.integers(1, len(arguments)))]


some_examples = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # to make such examples smaller takes minutes
    database=None,
)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CALLS)
@some_examples
@given(data=st.data())
def test_anything(name: str, data: st.DataObject) -> None:
    call_with_anything(name, data)


@some_examples
@given(name=st.sampled_from(sorted(CALLS)), data=st.data())
def test_any_function(name: str, data: st.DataObject) -> None:
    """The same for tools/fuzz_calls.py, where one test chooses the function too."""
    call_with_anything(name, data)


def call_with_anything(name: str, data: st.DataObject) -> None:
    function, good = CALLS[name]
    arguments = draw_arguments(data, good)
    parameters = [None if p is None else p.tobytes() for p in PARAMETERS]
    before = [memory(argument) for argument in arguments]
    failed = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of odd inputs
        try:
            function(*arguments)
        except DOCUMENTED:
            failed = True
    for i, kept in enumerate(before):
        if kept is None or (not failed and i == 1):
            continue
        shared = i == 0 and len(arguments) > 1 and before[1] and np.shares_memory(kept[0], before[1][0])
        if failed or not shared:
            assert kept[0].tobytes() == kept[1], f"argument {i} was written to"
    assert [None if p is None else p.tobytes() for p in PARAMETERS] == parameters


def test_an_array_that_another_thread_resizes() -> None:
    """NumPy refuses to resize what a call holds; refcheck=False is a promise that nobody does."""
    net = Network([Dense(np.ones((64, 500), np.float32), None, "tanh")])
    good = np.ones((4000, 500), np.float32)
    expected = net(good)
    box, refused, done = [good.copy()], [0], threading.Event()
    resized: list[str] = []

    def resize() -> None:
        while not done.wait(0.0001):
            try:
                box[0].resize((1, 1))
            except ValueError:
                refused[0] += 1

    thread = threading.Thread(target=resize)
    thread.start()
    try:
        for i in range(60):
            box[0] = good.copy()
            try:
                assert same_bits(net(box[0], threads=1 + i % 2), expected)
            except ValueError as error:
                resized.append(str(error))  # before the call
    finally:
        done.set()
        thread.join()
    assert refused[0] > 0
    assert all("x has shape (1, 1)" in message for message in resized)


@pytest.mark.parametrize("f", [NETS[0], LAYER, fastnn.relu, fastnn.softmax])
def test_an_array_that_lies_about_its_shape(f: Callable[..., Any]) -> None:
    """What is written to is the memory that there is: the liar says that it has 100 000 rows."""
    x = np.ones((100_000, 2), np.float32)
    room = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"^out has shape \(1, 2\), expected \(100000, "):
        f(x, room[1:2].view(Liar))
    assert not room.any()
    right = room[1:].view(Liar)
    if f is not LAYER:
        expected = f(x[:2]).astype(np.float32)
        assert f(x[:2], right) is right
        assert same_bits(room[1:], expected)


def test_an_object_that_changes_between_questions() -> None:
    class Fickle:
        def __init__(self) -> None:
            self.asked = 0

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            self.asked += 1
            return np.ones((self.asked, 2), dtype)

    x = Fickle()
    assert NETS[1](x).shape == (1, 2)
    assert x.asked == 1


def test_inputs_changed_in_the_middle_cannot_crash() -> None:
    """The result is then of some mixture; the process goes on, and the next call is right."""
    x = np.random.default_rng(0).standard_normal((3000, 65)).astype(np.float32)
    expected = WIDE(x)
    mine, done = x.copy(), threading.Event()

    def change() -> None:
        while not done.is_set():
            mine[...] = np.nan
            mine[...] = x

    thread = threading.Thread(target=change)
    thread.start()
    for _ in range(50):
        assert WIDE(mine).shape == (3000, 70)
    done.set()
    thread.join()
    assert same_bits(WIDE(mine), expected)
