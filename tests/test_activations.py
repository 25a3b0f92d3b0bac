"""Activations by name, and what is made from their table."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from support import ACTIVATIONS, ELEMENTWISE, SPELLINGS, TABLE, activate, every_spelling, same_bits

import fastnn
from fastnn import Dense, Network, activations, reference
from fastnn._core.activation_names import Chosen, parse


class TestNames:
    @pytest.mark.parametrize(
        ("name", "canonical"),
        [
            *[(name, name) for name in ACTIVATIONS],
            ("leaky_relu(0.01)", "leaky_relu"),
            ("leaky_relu(.2)", "leaky_relu(0.2)"),
            ("leaky_relu( 2e-1 )", "leaky_relu(0.2)"),
            ("leaky_relu(-1.0)", "leaky_relu(-1)"),
            ("hard_sigmoid(0.2)", "hard_sigmoid(0.2, 0.5)"),
            ("hard_sigmoid(0.2,0.5)", "hard_sigmoid(0.2, 0.5)"),
            ("hard_sigmoid(0.16666666666666666, 1)", "hard_sigmoid(0.16666666666666666, 1)"),
            ("clip(-1, 1)", "clip(-1, 1)"),
            ("clip(0, 6)", "clip"),
            ("clip(-1e300, 1e16)", "clip(-1e+300, 1e+16)"),
        ],
    )
    def test_canonical(self, name: str, canonical: str) -> None:
        assert activations.check_name(name) == canonical
        assert activations.check_name(canonical) == canonical
        assert parse(canonical) == parse(name)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("relu()", "relu"),
            ("relu(1)", "relu"),
            ("relu(", "relu"),
            ("softmax(1)", "softmax"),
            *[
                (f"leaky_relu{rest}", "leaky_relu(slope), with finite numbers, such as leaky_relu(0.01)")
                for rest in (
                    "(",
                    "()",
                    "(a)",
                    "(slope=0.1)",
                    "(0.1",
                    "(0.1))",
                    "(0.1)x",
                    "(1, 2)",
                    "(nan)",
                    "(inf)",
                    "(1,)",
                    "(1e999)",
                )
            ],
            ("clip(0, 1, 2)", "clip(low, high), with finite numbers, such as clip(0, 6)"),
        ],
    )
    def test_wrong_parameters(self, name: str, expected: str) -> None:
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            activations.check_name(name)
        assert str(caught.value) == f"activation is {name!r}, expected {expected}"

    def test_the_table_is_one(self) -> None:
        assert len(set(ACTIVATIONS)) == len(ACTIVATIONS)
        for row in TABLE:
            assert len(row.parameters) <= 2
            assert row.row_wise or row.name == "identity" or row.example
        assert [Chosen(i).row.name for i in range(len(TABLE))] == list(activations.NAMES)


@every_spelling
class TestLayers:
    """A layer carries its activation's name, parameters and all, wherever it goes."""

    def layer(self, name: str) -> Dense:
        rng = np.random.default_rng(0)
        return Dense(3 * rng.standard_normal((7, 5)), rng.standard_normal(7), name)

    def test_everywhere(self, activation: str, tmp_path: Any) -> None:
        layer = self.layer(activation)
        net = Network([layer])
        net.save(tmp_path / "net.safetensors")
        assert layer.activation == activation
        assert activation == "identity" or f'"{activation}"' in repr(layer)
        assert f"  {activation} " in net.summary()
        assert len({len(line.rstrip(" float64")) for line in net.summary().splitlines()[:2]}) == 1
        for other in (pickle.loads(pickle.dumps(layer)), copy.copy(layer), layer.astype("f4").astype("f8")):
            assert other.activation == activation
        assert fastnn.load(tmp_path / "net.safetensors") == net
        assert hash(self.layer(activation)) == hash(layer)
        assert all(self.layer(name) != layer for name in SPELLINGS if name != activation)

    def test_as_the_kernels_and_the_reference(self, activation: str) -> None:
        layer = self.layer(activation)
        x = np.random.default_rng(1).standard_normal((60, 5))
        for dtype in ("f4", "f8"):
            net = Network([layer.astype(dtype)])
            for rows in (1, 3, 60):
                (z, a, name), *_ = net.trace(x[:rows])
                assert name == activation
                assert same_bits(a, net(x[:rows]))
                assert same_bits(a, activate(fastnn.isa(), activation, z))
        expected = [
            reference.dense(layer.weight.tolist(), layer.bias.tolist(), row, activation) for row in x.tolist()
        ]
        np.testing.assert_allclose(Network([layer])(x), expected, rtol=1e-13, atol=1e-13)


class TestFunctions:
    @pytest.mark.parametrize("name", [f"{n}{s}" for n in ELEMENTWISE[1:] for s in ("", "_derivative")])
    def test_are_found(self, name: str) -> None:
        function = getattr(fastnn, name)
        assert name in fastnn.__all__
        assert getattr(activations, name) is function
        assert pickle.loads(pickle.dumps(function)) is function
        for part in (
            "Parameters",
            "Returns",
            "Raises",
            "Examples",
            "ULP" if "Exact" not in function.__doc__ else "",
        ):
            assert part in function.__doc__

    def test_parameters(self) -> None:
        z = np.linspace(-9, 9, 37)
        for row in TABLE:
            given = {label: 1.5 * value + 0.25 for label, value in row.parameters}
            if given:
                named = f"{row.name}({', '.join(map(str, given.values()))})"
                got = getattr(fastnn, row.name)(z, **given)
                assert same_bits(got, activate(fastnn.isa(), named, z))
                assert not np.array_equal(got, getattr(fastnn, row.name)(z))
                slope = getattr(fastnn, f"{row.name}_derivative")(z, **given)
                expected = [reference.derivative_named(named)(v) for v in z.tolist()]
                np.testing.assert_allclose(slope, expected, rtol=1e-13)

    @pytest.mark.parametrize(
        ("value", "error", "message"),
        [
            ("1", TypeError, "slope has type str, expected a finite number"),
            (None, TypeError, "slope has type NoneType, expected a finite number"),
            (1j, TypeError, "slope has type complex, expected a finite number"),
            (np.inf, ValueError, "slope is inf, expected a finite number"),
            (np.float32("nan"), ValueError, "slope is nan, expected a finite number"),
            (10**400, ValueError, "slope is too large for float64, expected a finite number"),
        ],
    )
    def test_wrong_parameter(self, value: Any, error: type[Exception], message: str) -> None:
        for function in (fastnn.leaky_relu, fastnn.leaky_relu_derivative):
            with pytest.raises(error) as caught:
                function([1.0], slope=value)
            assert str(caught.value) == message
        assert fastnn.leaky_relu(-2.0, slope=np.float32(0.5)) == -1
