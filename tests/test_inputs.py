"""Inputs and outputs of every shape, dtype and layout, against the pure-Python reference."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from support import (
    ACTIVATIONS,
    DTYPES,
    ELEMENTWISE,
    ROW_WISE,
    Array,
    every_row_wise,
    floors,
    limits,
    same_bits,
)

import fastnn
from fastnn import Dense, Network, reference

FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[float], float]]] = {
    **{name: (getattr(fastnn, name), getattr(reference, name)) for name in ELEMENTWISE if name != "identity"},
    **{
        f"{name}_derivative": (getattr(fastnn, f"{name}_derivative"), reference.derivative_named(name))
        for name in ELEMENTWISE
        if name != "identity"
    },
}
REAL_DTYPES = ["f2", "f4", "f8", "g", ">f4", ">f8", "?", "i1", "u1", "i2", "i4", ">i4", "u4", "i8", "u8"]
NARROW = ("f2", "f4", ">f4")

every_function = pytest.mark.parametrize("name", FUNCTIONS)
quick = settings(deadline=None, max_examples=60)


def numbers(dtype: Any) -> st.SearchStrategy[Any]:
    """Return small numbers that every dtype can hold."""
    if np.dtype(dtype).kind == "b":
        return st.booleans()
    lowest = 0 if np.dtype(dtype).kind == "u" else -20
    return (
        st.integers(lowest, 20) if np.dtype(dtype).kind in "iu" else st.integers(-80, 80).map(lambda n: n / 4)
    )


@st.composite
def views(draw: st.DrawFn, shape: tuple[int, ...] | None = None) -> Array:
    """Draw an array of any real dtype and layout, of the shape if one is given."""
    dtype = draw(st.sampled_from(REAL_DTYPES))
    wanted = draw(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=7)) if shape is None else shape
    array = draw(arrays(dtype, wanted, elements=numbers(dtype)))
    steps = [draw(st.sampled_from([-3, -2, -1, 1, 2])) for _ in wanted]
    order = draw(st.permutations(range(len(wanted))))
    room = np.zeros([wanted[i] * abs(steps[i]) for i in order], dtype).transpose(np.argsort(order))
    view = room[(..., *(slice(None, None, step) for step in steps))]
    view[...] = array
    return view


def scattered(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array to be filled, backwards in every second place of a larger one."""
    return np.full([2 * side for side in shape], np.nan, dtype)[(..., *[slice(None, None, -2)] * len(shape))]


def tolerance(dtype: Any) -> dict[str, float]:
    return {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a network of up to three layers, some of them without inputs or outputs."""
    widths = draw(st.lists(st.integers(0, 6) | st.integers(15, 18), min_size=2, max_size=4))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    layers = []
    for n_inputs, n_outputs in pairwise(widths):
        bias = rng.uniform(-1, 1, n_outputs) if draw(st.booleans()) else None
        weight = rng.uniform(-1, 1, (n_outputs, n_inputs)) / 4
        layers.append(Dense(weight, bias, draw(st.sampled_from(list(ACTIVATIONS)))))
    return Network(layers, draw(st.sampled_from(DTYPES)))


class TestNetworks:
    @quick
    @given(st.data(), networks(), st.integers(0, 9), st.sampled_from([None, 1, 2]))
    def test_as_the_reference(
        self, data: st.DataObject, net: Network, batch: int, threads: int | None
    ) -> None:
        x = data.draw(views((batch, net.n_inputs)))
        layers = [
            reference.Layer(
                layer.weight.tolist(),
                [0.0] * layer.n_outputs if layer.bias is None else layer.bias.tolist(),
                layer.activation,
            )
            for layer in net.layers
        ]
        expected = reference.network_batch(layers, x.astype(float).tolist())
        got = net(x, threads=threads)
        assert got.dtype == net.dtype
        assert got.shape == (batch, net.n_outputs)
        assert got.flags.c_contiguous
        np.testing.assert_allclose(got, np.reshape(expected, got.shape), **tolerance(net.dtype))
        for i in range(batch):
            assert same_bits(net(x[i]), got[i])
        out = np.full((batch * 2, net.n_outputs + 1), np.nan, net.dtype)[::-2, 1:]
        assert same_bits(net(x, out), got)

    def test_large_and_scattered(self) -> None:
        rng = np.random.default_rng(0)
        for dtype in DTYPES:
            net = Network([Dense(rng.standard_normal((20, 300)), None, "tanh")], dtype)
            x = rng.standard_normal((3000, 300)).astype(dtype)
            expected = net(x)
            out = np.zeros((20, 3000), dtype).T
            assert same_bits(net(np.asfortranarray(x)), expected)
            assert same_bits(net(x.astype(x.dtype.newbyteorder()), out), expected)
            assert same_bits(net(np.repeat(x[:1], 2999, axis=0)), np.repeat(expected[:1], 2999, axis=0))
            assert same_bits(net(np.broadcast_to(x[0], (2999, 300))), np.repeat(expected[:1], 2999, axis=0))

    def test_input_is_left_as_it_was(self) -> None:
        x = np.random.default_rng(0).standard_normal((50, 3))
        before = x.copy()
        Network([Dense(np.ones((3, 3)), activation="softmax")])(x)
        fastnn.softmax(x), fastnn.tanh(x), fastnn.relu_derivative(x.T), fastnn.log_softmax(x, axis=0)
        assert same_bits(x, before)

    def test_whatever_numpy_makes_an_array_of(self) -> None:
        class Offers:
            def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
                return np.array([1.0, 2.0], dtype)

        net = Network([Dense([[1.0, 2.0], [3.0, 4.0]])])
        for x in (
            [1, 2],
            (True, 2.0),
            range(1, 3),
            Offers(),
            memoryview(np.array([1.0, 2.0])),
            np.array([1, 2]),
        ):
            assert net(x).tolist() in ([5, 11], [5.0, 11.0])


class TestElementwise:
    @every_function
    @quick
    @given(z=views())
    @example(z=np.array([-0.75], np.float16))  # near gelu_tanh's minimum
    def test_as_the_reference(self, name: str, z: Array) -> None:
        function, formula = FUNCTIONS[name]
        got = function(z)
        dtype = np.float32 if z.dtype.str.lstrip("<=") in NARROW else np.float64
        assert got.dtype == dtype
        assert got.shape == z.shape
        wide = z.astype(float)
        expected = np.array([formula(value) for value in wide.ravel().tolist()]).reshape(z.shape)
        info = np.finfo(dtype)
        rtol = max(8 * info.eps, 1e-12)
        activation = name.removesuffix("_derivative")
        floor = floors(limits(activation, derivative=activation != name), wide)
        atol = np.maximum(4 * float(info.smallest_subnormal), rtol * floor)
        assert np.isclose(got, expected, rtol, atol, equal_nan=True).all()
        out = scattered(z.shape, dtype)
        assert function(z, out) is out
        assert np.array_equal(out, got)

    @every_function
    def test_scalars(self, name: str) -> None:
        function, formula = FUNCTIONS[name]
        for z in (0.5, -1, True, np.float64(0.5), np.array(0.5), np.int8(-1)):
            assert type(function(z)) is np.float64
            assert function(z) == pytest.approx(formula(float(z)))
        for z in (np.float32(0.5), np.float16(0.5), np.array(0.5, np.float32)):
            assert type(function(z)) is np.float32
            assert function(z) == pytest.approx(formula(0.5))
        out = np.zeros(())
        assert function(0.5, out) is out
        assert out == function(0.5)
        assert function([]).shape == (0,)
        assert function([[]]).shape == (1, 0)

    @every_function
    def test_overlapping(self, name: str) -> None:
        function = FUNCTIONS[name][0]
        numbers = np.linspace(-3, 3, 20_001).astype(np.float32)
        expected = function(numbers)
        for source, target in (
            (slice(1, None), slice(-1)),
            (slice(-1), slice(1, None)),
            (slice(None), slice(None)),
        ):
            buffer = numbers.copy()
            function(buffer[source], buffer[target])
            assert same_bits(buffer[target], expected[source])
        buffer = numbers.copy()
        function(buffer, buffer[::-1])
        assert same_bits(buffer[::-1], expected)

    @every_function
    def test_large_and_scattered(self, name: str) -> None:
        function = FUNCTIONS[name][0]
        z = np.random.default_rng(0).standard_normal((300, 200)).astype(np.float32)
        expected = function(z)
        out = np.zeros((200, 300), np.float32).T
        for other in (z, np.asfortranarray(z), z.astype(">f4"), np.repeat(z, 2, axis=1)[:, ::2]):
            assert same_bits(function(other), expected)
            assert same_bits(function(other, out), expected)


@every_row_wise
class TestRowWise:
    @quick
    @given(data=st.data())
    def test_as_the_reference(self, activation: str, data: st.DataObject) -> None:
        z = data.draw(views().filter(lambda array: array.ndim > 0))
        axis = data.draw(st.integers(-z.ndim, z.ndim - 1))
        got = getattr(fastnn, activation)(z, axis=axis)
        dtype = np.float32 if z.dtype.str.lstrip("<=") in NARROW else np.float64
        assert (got.dtype, got.shape) == (dtype, z.shape)
        if z.size:
            rows = np.moveaxis(z.astype(float), axis, -1)
            expected = [
                reference.activation_named(activation)(row)
                for row in rows.reshape(-1, z.shape[axis]).tolist()
            ]
            expected = np.moveaxis(np.reshape(expected, rows.shape), -1, axis)
            np.testing.assert_allclose(got, expected, **tolerance(dtype))
        out = scattered(z.shape, dtype)
        assert getattr(fastnn, activation)(z, out, axis) is out
        assert np.array_equal(out, got)

    def test_overlapping(self, activation: str) -> None:
        function = getattr(fastnn, activation)
        numbers = np.random.default_rng(0).standard_normal((41, 30))
        for axis in (0, 1):
            for source, target in (
                (slice(1, None), slice(-1)),
                (slice(-1), slice(1, None)),
                (slice(None),) * 2,
            ):
                buffer = numbers.copy()
                function(buffer[source], buffer[target], axis)
                assert same_bits(buffer[target], function(numbers[source], axis=axis))
            buffer = numbers.copy()
            function(buffer, buffer[::-1], axis)
            assert same_bits(buffer[::-1], function(numbers, axis=axis))

    def test_rows_are_those_of_a_network(self, activation: str) -> None:
        z = np.random.default_rng(0).standard_normal((50, 11))
        net = Network([Dense(np.eye(11), None, activation)])
        assert set(ROW_WISE) < set(ACTIVATIONS)
        assert same_bits(net(z), getattr(fastnn, activation)(z))


@pytest.mark.parametrize("f", [fastnn.softmax, fastnn.log_softmax, fastnn.relu, fastnn.tanh])
def test_out_that_overlaps_in_part(f: Any) -> None:
    memory = np.random.default_rng(3).standard_normal(400)
    expected = f(memory[1:89:2].copy())
    f(memory[1:89:2], out=memory[5:49])
    assert memory[5:49].tobytes() == expected.tobytes()
