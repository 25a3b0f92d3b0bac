"""Every promised error: its type, and what its message says of the argument."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import ACTIVATIONS, ELEMENTWISE, ROW_WISE, Array

import fastnn
from fastnn import Dense, Network, Perceptron

NAMES = ", ".join(ACTIVATIONS)
FUNCTIONS = [getattr(fastnn, name) for name in (*ELEMENTWISE, *ROW_WISE) if name != "identity"]
FUNCTIONS += [getattr(fastnn, f"{name}_derivative") for name in ELEMENTWISE if name != "identity"]

NOT_REAL = {
    "complex128": np.ones(2, complex),
    "object": [None, None],
    "<U1": ["1", "2"],
    "|S1": [b"1", b"2"],
    "datetime64[s]": np.zeros(2, "M8[s]"),
    "timedelta64[s]": np.zeros(2, "m8[s]"),
    "[('a', '<f4')]": np.zeros(2, [("a", "<f4")]),
}


def net(dtype: Any = np.float32) -> Network:
    return Network([Dense(np.ones((3, 2), dtype)), Dense(np.ones((4, 3), dtype), activation="tanh")])


def fails(
    error: type[Exception], message: str, call: Callable[..., Any], *arguments: Any, **options: Any
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call(*arguments, **options)


class TestNotReal:
    @pytest.mark.parametrize("name", NOT_REAL)
    def test_parameters_and_inputs(self, name: str) -> None:
        bad = NOT_REAL[name]
        dtype = np.asarray(bad).dtype
        wide = np.asarray(bad)[np.newaxis]
        fails(TypeError, f"weights has dtype {dtype}, expected real numbers", Perceptron, bad)
        fails(TypeError, f"weight has dtype {dtype}, expected real numbers", Dense, wide)
        fails(TypeError, f"bias has dtype {dtype}, expected real numbers", Dense, np.ones((2, 3)), bad)
        fails(TypeError, f"bias has dtype {dtype}, expected real numbers", Perceptron, [1.0], wide[0, 0])
        for callee in (net(), net().trace, net().layers[0], Perceptron([1.0, 2.0])):
            fails(TypeError, f"x has dtype {dtype}, expected real numbers", callee, bad)
            fails(TypeError, f"x has dtype {dtype}, expected real numbers", callee, wide)

    @pytest.mark.parametrize("name", NOT_REAL)
    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_functions(self, function: Callable[..., Any], name: str) -> None:
        dtype = np.asarray(NOT_REAL[name]).dtype
        fails(TypeError, f"z has dtype {dtype}, expected real numbers", function, NOT_REAL[name])

    def test_ragged(self) -> None:
        ragged = [[1.0, 2.0], [1.0]]
        for name, call in (("x", net()), ("weight", Dense), ("weights", Perceptron), ("z", fastnn.relu)):
            with pytest.raises(ValueError, match=f"^{name} can't be made an array: "):
                call(ragged)


class TestShapes:
    @pytest.mark.parametrize("shape", [(), (1,), (3,), (0,), (2, 1), (2, 3), (1, 2, 2), (0, 3), (2, 2, 2)])
    def test_of_x(self, shape: tuple[int, ...]) -> None:
        message = f"x has shape {shape}, but the network expects (2,) or (B, 2)"
        for dtype in (np.float32, np.float64, np.int8):
            for callee in (net(), net(np.float64), net().trace, net().layers[0], Perceptron([1.0, 2.0])):
                fails(ValueError, message, callee, np.ones(shape, dtype))

    @pytest.mark.parametrize("shape", [(), (2,), (2, 2, 2)])
    def test_of_weight(self, shape: tuple[int, ...]) -> None:
        fails(ValueError, f"weight has shape {shape}, expected (n_outputs, n_inputs)", Dense, np.ones(shape))

    @pytest.mark.parametrize("shape", [(), (3,), (1,), (2, 1), (1, 2)])
    def test_of_bias(self, shape: tuple[int, ...]) -> None:
        weight = np.ones((2, 3))
        fails(
            ValueError,
            f"bias has shape {shape}, but weight (2, 3) expects (2,)",
            Dense,
            weight,
            np.ones(shape),
        )

    def test_of_a_perceptron(self) -> None:
        fails(ValueError, "weights has shape (1, 2), expected (n_inputs,)", Perceptron, [[1.0, 2.0]])
        fails(ValueError, "weights has shape (), expected (n_inputs,)", Perceptron, 1.0)
        fails(ValueError, "bias has shape (1,), expected a scalar", Perceptron, [1.0], [1.0])

    def test_of_layers(self) -> None:
        message = "layers[1] has weight (2, 4) and expects 4 inputs, but layers[0] with weight (3, 2) gives 3"
        fails(ValueError, message, Network, [Dense(np.ones((3, 2))), Dense(np.ones((2, 4)))])
        fails(ValueError, "layers is empty, expected at least one Dense", Network, [])

    @pytest.mark.parametrize("name", ROW_WISE)
    def test_of_z(self, name: str) -> None:
        function = getattr(fastnn, name)
        fails(ValueError, "z is a scalar, expected at least one axis", function, 1.0)
        fails(ValueError, "axis is 2, but z has shape (3, 4)", function, np.ones((3, 4)), axis=2)
        fails(ValueError, "axis is -3, but z has shape (3, 4)", function, np.ones((3, 4)), axis=-3)


class TestNames:
    @pytest.mark.parametrize("name", ["Relu", "", "softmax ", "mish"])
    def test_of_activations(self, name: str) -> None:
        message = f"activation is {name!r}, expected one of {NAMES}"
        fails(ValueError, message, Dense, [[1.0]], [1.0], name)
        fails(ValueError, message, Perceptron, [1.0], 1.0, name)

    @pytest.mark.parametrize("name", [None, 1, b"relu", ["relu"]])
    def test_that_are_none(self, name: Any) -> None:
        message = f"activation has type {type(name).__name__}, expected one of {NAMES}"
        fails(TypeError, message, Dense, [[1.0]], [1.0], name)
        fails(TypeError, message, Perceptron, [1.0], 1.0, name)

    @pytest.mark.parametrize("dtype", ["float16", "int32", "complex64", "longdouble", ">f4"])
    def test_of_dtypes(self, dtype: str) -> None:
        message = f"dtype is {np.dtype(dtype)}, expected float32 or float64"
        fails(TypeError, message, Network, net().layers, dtype)
        fails(TypeError, message, net().astype, dtype)
        fails(TypeError, message, net().layers[0].astype, dtype)

    @pytest.mark.parametrize("other", [None, [[1.0]], Perceptron([1.0, 2.0]), Dense])
    def test_of_layers(self, other: Any) -> None:
        message = f"layers[1] has type {type(other).__name__}, expected a Dense"
        fails(TypeError, message, Network, [Dense([[1.0]]), other])

    def test_layers_that_are_no_sequence(self) -> None:
        for layers, kind in ((Dense([[1.0]]), "Dense"), (3, "int"), (None, "NoneType")):
            with pytest.raises(TypeError, match=f"layers has type {kind}, expected a list of Dense"):
                Network(layers)  # type: ignore[arg-type]

    def test_layers_without_end(self) -> None:
        layer = Dense([[1.0]])
        endless = np.empty((), object)
        endless[()] = layer
        for layers in (itertools.repeat(layer), np.broadcast_to(endless, 2**45)):
            with pytest.raises(ValueError, match=r"^layers has more than 100,000 entries, or no end$"):
                Network(layers)  # type: ignore[arg-type]


def read_only(shape: tuple[int, ...], dtype: Any) -> Array:
    out = np.zeros(shape, dtype)
    out.setflags(write=False)
    return out


# Each gives (5, 4) results in float32.
CALLS: dict[str, Callable[[Any], Any]] = {
    "network": lambda out: net()(np.ones((5, 2)), out),
    "layer": lambda out: Dense(np.ones((4, 2), np.float32))(np.ones((5, 2)), out),
    **{f.__name__: (lambda out, f=f: f(np.ones((5, 4), np.float32), out)) for f in FUNCTIONS},
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class TestOut:
    @every_call
    def test_wrong_shape(self, call: Callable[[Any], Any]) -> None:
        for shape in ((4, 5), (5,), (), (1, 5, 4), (5, 3), (6, 4), (0, 4)):
            out = np.full(shape, 7, np.float32)
            fails(ValueError, f"out has shape {shape}, expected (5, 4)", call, out)
            assert np.all(out == 7)

    @every_call
    def test_wrong_dtype(self, call: Callable[[Any], Any]) -> None:
        for dtype in ("float64", "float16", "int32", "complex64", ">f4", "object"):
            out = np.full((5, 4), 7, dtype)
            fails(TypeError, f"out has dtype {np.dtype(dtype)}, expected float32", call, out)
            assert np.all(out == 7)

    @every_call
    def test_read_only(self, call: Callable[[Any], Any]) -> None:
        out = read_only((5, 4), np.float32)
        fails(ValueError, "out is read-only, expected an array that can be written", call, out)
        assert not out.any()

    @every_call
    def test_no_array(self, call: Callable[[Any], Any]) -> None:
        for out in ([[0.0] * 4] * 5, 1.0, "out", memoryview(bytearray(80))):
            fails(TypeError, f"out has type {type(out).__name__}, expected a NumPy array", call, out)

    def test_of_one_example(self) -> None:
        for shape in ((1, 4), (3,), (), (5,)):
            fails(
                ValueError,
                f"out has shape {shape}, expected (4,)",
                net(),
                [1, 2],
                np.zeros(shape, np.float32),
            )
        fails(ValueError, "out has shape (4,), expected (1, 4)", net(), [[1, 2]], np.zeros(4, np.float32))

    def test_is_returned(self) -> None:
        out = np.empty((5, 4), np.float32)
        for name, call in CALLS.items():
            out[:] = np.nan
            assert call(out) is out, name
            assert not np.isnan(out).any(), name
            np.testing.assert_array_equal(out, call(None))


@pytest.mark.parametrize("nothing", [(), (None,), ("relu", 1, 2, 3, 4)])
def test_wrong_number_of_arguments(nothing: tuple[Any, ...]) -> None:
    for callee in (net(), fastnn.relu, fastnn.softmax, Dense, Perceptron, Network):
        with pytest.raises(TypeError):
            callee(*nothing)
