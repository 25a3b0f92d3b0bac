"""The public objects: the worked examples by number, and what a layer or network promises once built."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from support import every_activation, every_dtype, same_bits

import fastnn
from fastnn import Dense, Network, Perceptron

HIDDEN = ([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "relu")
OUTPUT = ([[0.6, -0.4, 0.2], [-0.1, 0.3, 0.5]], [0.0, 0.1], "softmax")


def example_4(dtype: Any = None) -> Network:
    return Network([Dense(*HIDDEN), Dense(*OUTPUT)], dtype)


def close(dtype: np.dtype[Any], expected: Any) -> Any:
    eps = float(np.finfo(dtype).eps)
    return pytest.approx(expected, rel=4 * eps, abs=2 * eps)


@every_dtype
class TestWorkedExamples:
    def test_1_perceptron(self, dtype: np.dtype[Any]) -> None:
        weights = np.array([0.4, -0.1, 0.8], dtype)
        x = [0.5, 1.2, -0.3]
        neuron = Perceptron(weights, 0.2)
        assert neuron.dtype == dtype
        assert type(neuron(x)) is float
        assert neuron(x) == close(dtype, 0.04)
        assert neuron([x, x]).shape == (2,)
        assert neuron([x, x]).dtype == dtype
        for activation, expected in (
            ("relu", 0.04),
            ("sigmoid", 1 / (1 + math.exp(-0.04))),
            ("tanh", math.tanh(0.04)),
        ):
            assert Perceptron(weights, 0.2, activation)(x) == close(dtype, expected)

    def test_2_activations(self, dtype: np.dtype[Any]) -> None:
        def three(*values: float) -> Any:
            return np.array(values, dtype)

        assert fastnn.relu(three(-2.5, 0, 3.1)).tolist() == three(0, 0, 3.1).tolist()
        assert fastnn.sigmoid(three(-3, 0, 3)).round(3).tolist() == three(0.047, 0.5, 0.953).tolist()
        assert fastnn.tanh(three(-2, 0, 2)).round(3).tolist() == three(-0.964, 0, 0.964).tolist()

    def test_3_layer(self, dtype: np.dtype[Any]) -> None:
        parameters = np.array([[0.5, -0.2, 0.1], [-0.3, 0.4, 0.7]], dtype), np.array([0.1, -0.2], dtype)
        assert Dense(*parameters)([1, 2, -1]) == close(dtype, [0.1, -0.4])
        assert Dense(*parameters, "relu")([1, 2, -1]) == close(dtype, [0.1, 0.0])
        assert Dense(*parameters).dtype == dtype

    def test_4_network(self, dtype: np.dtype[Any]) -> None:
        net = example_4(dtype)
        x = [1.5, -0.5]
        (z1, a1, _), (z2, a2, _) = net.trace(x)
        assert z1 == close(dtype, [0.85, -0.65, 1.15])
        assert a1 == close(dtype, [0.85, 0, 1.15])
        assert z2 == close(dtype, [0.74, 0.59])
        first = 1 / (1 + math.exp(-0.15))
        assert a2 == close(dtype, [first, 1 - first])
        assert same_bits(net(x), a2)
        assert net(x).astype(float).round(5).tolist() == [0.53743, 0.46257]
        assert round(fastnn.cross_entropy(net(x), 0), 5) == 0.62096
        assert net.n_parameters == 17

    def test_5_batch(self, dtype: np.dtype[Any]) -> None:
        batch = [[1.5, -0.5], [0, 1], [-1, 2], [0.5, 0.5]]
        expected = np.array([[0.85, 0, 1.15], [0, 0.4, 0.1], [0, 1.1, 0], [0.15, 0.05, 0.45]])
        assert Dense(*HIDDEN).astype(dtype)(batch) == close(dtype, expected)

    def test_6_two_linear_layers_are_one(self, dtype: np.dtype[Any]) -> None:
        (w1, b1), (w2, b2) = ((np.array(w), np.array(b)) for w, b, _ in (HIDDEN, OUTPUT))
        x = [[1.5, -0.5], [0.25, 4.0]]
        two = Network([Dense(w1, b1), Dense(w2, b2)], dtype)
        assert two(x) == close(dtype, Dense(w2 @ w1, w2 @ b1 + b2).astype(dtype)(x))


class TestDtype:
    @pytest.mark.parametrize(
        ("weight", "bias", "expected"),
        [
            *[("float32", None, "float32"), ("float64", None, "float64"), ("float16", "float16", "float32")],
            *[
                ("float32", "float64", "float64"),
                ("float64", "float32", "float64"),
                ("int64", "int8", "float32"),
            ],
            *[
                ("bool", None, "float32"),
                ("int8", "float64", "float64"),
                ("longdouble", "float32", "float64"),
            ],
            *[(">f4", ">f4", "float32"), (">f8", None, "float64")],
        ],
    )
    def test_of_a_layer(self, weight: str, bias: str | None, expected: str) -> None:
        layer = Dense(np.ones((2, 3), weight), None if bias is None else np.ones(2, bias))
        assert layer.dtype == layer.weight.dtype == layer([1, 2, 3]).dtype == expected
        assert layer.bias is None or layer.bias.dtype == expected

    def test_of_a_network(self) -> None:
        narrow, wide = Dense(np.ones((2, 2), np.float32)), Dense(np.ones((2, 2)))
        assert Network([narrow, narrow]).dtype == np.float32
        assert Network([narrow, wide]).dtype == np.float64
        assert Network([wide, narrow]).layers[1].dtype == np.float64
        assert Network([wide, narrow], "float32").dtype == np.float32
        assert Network([narrow], np.float64)([1, 2]).dtype == np.float64

    def test_of_a_perceptron(self) -> None:
        weights = np.ones(2, np.float32)
        assert Perceptron(weights, 0.5).dtype == np.float32
        assert Perceptron(weights, 1).dtype == np.float32
        assert Perceptron(weights, np.array(0.5)).dtype == np.float64
        assert Perceptron([0.5, 0.5]).dtype == np.float64

    def test_astype(self) -> None:
        net = example_4()
        assert net.dtype == np.float64
        half = net.astype(np.float32)
        assert (half.dtype, half.n_parameters, net.dtype) == (np.float32, 17, np.float64)
        assert [layer.dtype for layer in half.layers] == [np.float32] * 2
        assert half == example_4("float32") != net
        assert same_bits(half.layers[0].weight, net.layers[0].weight.astype(np.float32))
        assert half.astype("f4") == half
        assert Dense(*HIDDEN).astype("float64") == Dense(*HIDDEN)


def objects() -> list[Any]:
    return [
        Perceptron([0.4, -0.1], 0.2, "tanh"),
        Perceptron(np.array([0.4, -0.1], np.float32), 0.2),
        Dense(*HIDDEN),
        Dense(HIDDEN[0]),
        Dense(np.empty((0, 3), np.float32), np.empty(0, np.float32)),
        Dense(np.array([[np.nan, np.inf]])),
        example_4(),
        example_4("float32"),
    ]


class TestObjects:
    @pytest.mark.parametrize("built", objects(), ids=repr)
    def test_round_trips(self, built: Any) -> None:
        x = np.linspace(-1, 1, 4 * built.n_inputs).reshape(4, built.n_inputs)
        built(x)
        others = [copy.copy(built), copy.deepcopy(built)]
        others += [
            pickle.loads(pickle.dumps(built, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
        ]
        for other in others:
            assert type(other) is type(built)
            assert other == built
            assert hash(other) == hash(built)
            assert other.dtype == built.dtype
            assert repr(other) == repr(built)
            np.testing.assert_array_equal(other(x), built(x))

    def test_all_differ(self) -> None:
        for i, a in enumerate(objects()):
            assert [a == b for b in objects()] == [i == j for j in range(len(objects()))]
            assert a not in (None, "net", 1)
        assert len({*objects(), *objects()}) == len(objects())

    def test_equality_is_of_values(self) -> None:
        a = Dense([[0.0, 1.0]], [0.0])
        assert a == Dense([[-0.0, 1.0]], [-0.0])
        assert hash(a) == hash(Dense([[-0.0, 1.0]], [-0.0]))
        assert a != Dense([[0.0, 1.0]], [0.0], "relu")
        assert a != Dense([[0.0], [1.0]], [0.0, 0.0])
        assert a != Dense([[0.0, 1.0]])
        assert a != Network([a])
        assert a != a.astype("float32")

    def test_signalling_nan_under_strict_errors(self) -> None:
        signalling = np.array([[0x7FA00000]], "u4").view("f4")
        with np.errstate(all="raise"):
            assert Dense(signalling) == Dense(signalling)
            assert hash(Dense(signalling)) == hash(Dense(signalling))

    def test_later_changes_of_the_arguments_do_nothing(self) -> None:
        weight, bias = np.ones((2, 2)), np.ones(2)
        layer = Dense(weight, bias)
        layers = [layer]
        net = Network(layers)
        weight[:], bias[:] = 9, 9
        layers.clear()
        assert layer([1, 1]).tolist() == net([1, 1]).tolist() == [3, 3]

    @pytest.mark.parametrize("name", ["weight", "bias"])
    def test_parameters_are_read_only(self, name: str) -> None:
        layer = Dense(*HIDDEN)
        with pytest.raises(ValueError, match="read-only"):
            getattr(layer, name)[0] = 1
        with pytest.raises(ValueError, match="read-only"):
            Perceptron([1.0, 2.0]).weights[0] = 1

    @pytest.mark.parametrize("built", objects()[1:7:5], ids=repr)
    def test_attributes_can_not_be_set(self, built: Any) -> None:
        names = ("n_inputs", "dtype", "layers", "n_outputs", "n_parameters", "weights", "bias", "activation")
        for name in names:
            if hasattr(built, name):
                with pytest.raises(AttributeError):
                    setattr(built, name, 1)

    def test_a_network_is_built_once(self) -> None:
        net = example_4()
        with pytest.raises(RuntimeError, match="built once"):
            net.__init__([Dense([[1.0]])])  # type: ignore[misc]
        assert net == example_4()
        assert net([1.5, -0.5]).round(5).tolist() == [0.53743, 0.46257]

    def test_a_network_never_built(self) -> None:
        for x in ([1.0], np.ones(1), np.empty(0), np.empty(0, np.float32), np.ones((2, 2))):
            with pytest.raises(RuntimeError, match="never built"):
                Network.__new__(Network)(x)

    def test_attributes(self) -> None:
        net = example_4()
        assert (net.n_inputs, net.n_outputs, net.n_parameters) == (2, 2, 17)
        assert isinstance(net.layers, tuple)
        assert [(layer.n_inputs, layer.n_outputs, layer.activation) for layer in net.layers] == [
            (2, 3, "relu"),
            (3, 2, "softmax"),
        ]
        assert [layer.n_parameters for layer in net.layers] == [9, 8]
        neuron = Perceptron([0.4, -0.1], 0.2, "tanh")
        assert (neuron.n_inputs, neuron.bias, neuron.activation) == (2, 0.2, "tanh")
        assert neuron.weights.tolist() == [0.4, -0.1]

    def test_summary(self) -> None:
        lines = example_4().summary().splitlines()
        assert [line.split() for line in lines] == [
            ["layer", "shape", "activation", "parameters"],
            ["1", "2", "->", "3", "relu", "9"],
            ["2", "3", "->", "2", "softmax", "8"],
            ["total", "17", "float64"],
        ]


class TestTrace:
    @every_activation
    @every_dtype
    def test_bits_are_those_of_a_call(self, dtype: np.dtype[Any], activation: str) -> None:
        rng = np.random.default_rng(0)
        shapes = ((17, 5), (40, 17), (3, 40))
        net = Network(
            [Dense(rng.standard_normal(shape), rng.standard_normal(shape[0]), activation) for shape in shapes]
        )
        net = net.astype(dtype)
        for x in (rng.standard_normal(5), rng.standard_normal((33, 5)), np.empty((0, 5))):
            trace = net.trace(x)
            assert len(trace) == 3
            assert [step.activation for step in trace] == [activation] * 3
            assert same_bits(trace[-1].a, net(x))
            assert [step.z.dtype for step in trace] == [dtype] * 3

    def test_printed(self) -> None:
        printed = str(example_4().trace([1.5, -0.5]))
        assert printed.splitlines() == [
            "x    = [1.5, -0.5]",
            "Z1   = [0.85, -0.65, 1.15]",
            "A1   = [0.85, 0, 1.15]    relu",
            "Z2   = [0.74, 0.59]",
            "A2   = [0.53743, 0.46257]    softmax",
        ]
