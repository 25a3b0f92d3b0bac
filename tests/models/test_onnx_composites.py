"""Activations that ONNX graphs spell out in several operators, as exporters do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import WIDE, B, W, activation_of, after_gemm, agree, model_of, node, normal, refused

import fastnn


def constants(dtype: Any = np.float32) -> dict[str, Any]:
    """Return the constants of composed activations, rounded to a type, as exporters do."""
    numbers = {
        **{"one": 1.0, "two": 2.0, "three": 3.0, "six": 6.0, "half": 0.5, "sixth": 1 / 6, "zero": 0.0},
        **{"root": np.sqrt(2), "inverse": np.sqrt(0.5), "cubic": 0.044715, "gate": np.sqrt(2 / np.pi)},
        **{"twenty": 20.0, "five": 5.0},
    }
    return {name: np.array(value, dtype) for name, value in numbers.items()}


COMPOSED: dict[str, tuple[str, list[Any]]] = {
    "silu": ("silu", [node("Sigmoid", "z", "s"), node("Mul", "z s", "y")]),
    "silu, the other way round": ("silu", [node("Sigmoid", "z", "s"), node("Mul", "s z", "y")]),
    "gelu": (
        "gelu",
        [
            node("Div", "z root", "u"),
            node("Erf", "u", "e"),
            node("Add", "e one", "f"),
            node("Mul", "z f", "g"),
            node("Mul", "g half", "y"),
        ],
    ),
    "gelu, the half first": (
        "gelu",
        [
            node("Mul", "inverse z", "u"),
            node("Erf", "u", "e"),
            node("Add", "one e", "f"),
            node("Mul", "half z", "h"),
            node("Mul", "f h", "y"),
        ],
    ),
    "gelu, the half within": (
        "gelu",
        [
            node("Div", "z root", "u"),
            node("Erf", "u", "e"),
            node("Mul", "e half", "f"),
            node("Add", "f half", "g"),
            node("Mul", "g z", "y"),
        ],
    ),
    "gelu by tanh": (
        "gelu_tanh",
        [
            node("Pow", "z three", "c"),
            node("Mul", "c cubic", "d"),
            node("Add", "z d", "e"),
            node("Mul", "e gate", "f"),
            node("Tanh", "f", "t"),
            node("Add", "t one", "g"),
            node("Mul", "z half", "h"),
            node("Mul", "h g", "y"),
        ],
    ),
    "gelu by tanh, by products": (
        "gelu_tanh",
        [
            node("Mul", "z z", "q"),
            node("Mul", "z q", "c"),
            node("Mul", "cubic c", "d"),
            node("Add", "d z", "e"),
            node("Mul", "gate e", "f"),
            node("Tanh", "f", "t"),
            node("Add", "one t", "g"),
            node("Mul", "z g", "h"),
            node("Mul", "half h", "y"),
        ],
    ),
    "gelu by tanh, factored out": (
        "gelu_tanh",
        [
            node("Pow", "z two", "q"),
            node("Mul", "q cubic", "d"),
            node("Add", "d one", "e"),
            node("Mul", "z e", "c"),
            node("Mul", "c gate", "f"),
            node("Tanh", "f", "t"),
            node("Add", "one t", "g"),
            node("Mul", "z g", "h"),
            node("Mul", "half h", "y"),
        ],
    ),
    "hard_swish": ("hard_swish", [node("HardSigmoid", "z", "s", alpha=1 / 6), node("Mul", "z s", "y")]),
    "hard_swish by clip": (
        "hard_swish",
        [
            node("Add", "z three", "u"),
            node("Clip", "u zero six", "c"),
            node("Mul", "z c", "d"),
            node("Div", "d six", "y"),
        ],
    ),
    "softsign": ("softsign", [node("Abs", "z", "a"), node("Add", "a one", "d"), node("Div", "z d", "y")]),
    "softplus with a threshold": (
        "softplus",
        [node("Softplus", "z", "s"), node("Greater", "z twenty", "c"), node("Where", "c z s", "y")],
    ),
}


class TestComposed:
    @pytest.mark.parametrize("form", COMPOSED)
    def test_form(self, form: str) -> None:
        name, nodes = COMPOSED[form]
        net = agree(after_gemm(*nodes, constants=constants(), opset=20), WIDE, limit=2e-5)
        assert activation_of(net) == name
        # Nothing was folded in: the layer has the graph's own numbers.
        np.testing.assert_array_equal(net.layers[0].weight, W.T)

    @pytest.mark.parametrize("form", COMPOSED)
    def test_before_a_layer(self, form: str) -> None:
        name, nodes = COMPOSED[form]
        model = after_gemm(
            *nodes[:-1],
            renamed(nodes[-1], "activated"),
            node("MatMul", "activated v", "y"),
            constants={**constants(), "v": normal(3, 2)},
            opset=20,
        )
        net = agree(model, WIDE, limit=2e-5)
        assert [layer.activation for layer in net.layers] == [name, "identity"]

    @pytest.mark.parametrize("form", COMPOSED)
    def test_in_float64(self, form: str) -> None:
        name, nodes = COMPOSED[form]
        given = {"w": W.astype(np.float64), "b": B.astype(np.float64), **constants(np.float64)}
        net = fastnn.from_onnx(
            model_of([node("Gemm", "x w b", "z"), *nodes], given, dtype=np.float64, opset=20)
        )
        assert (activation_of(net), net.dtype) == (name, np.float64)

    @pytest.mark.parametrize("form", COMPOSED)
    def test_in_float16(self, form: str) -> None:
        name, nodes = COMPOSED[form]
        given = {"w": W.astype(np.float16), "b": B.astype(np.float16), **constants(np.float16)}
        net = fastnn.from_onnx(
            model_of([node("Gemm", "x w b", "z"), *nodes], given, dtype=np.float16, opset=20)
        )
        assert (activation_of(net), net.dtype) == (name, np.float32)

    def test_softplus_of_a_multiple(self) -> None:
        nodes = [
            node("Mul", "z two", "u"),
            node("Softplus", "u", "s"),
            node("Div", "s two", "t"),
            node("Greater", "u twenty", "c"),
            node("Where", "c z t", "y"),
        ]
        net = agree(after_gemm(*nodes, constants=constants()), WIDE)
        assert [layer.activation for layer in net.layers] == ["softplus", "identity"]

    @pytest.mark.parametrize(
        ("nodes", "complaint"),
        [
            ([node("Erf", "z", "y")], r"node 'the_y' \(Erf\): read as a part of GELU only"),
            ([node("Abs", "z", "y")], r"node 'the_y' \(Abs\): read as a part of softsign only"),
            ([node("Pow", "z half", "y")], "an exponent that isn't 2 or 3"),
            ([node("Pow", "z z", "y")], r"\(Pow\): data, expected a constant"),
            ([node("Sigmoid", "x", "s"), node("Mul", "z s", "y")], "make no activation that fastnn knows"),
            (
                [node("Mul", "z two", "u"), node("Sigmoid", "u", "s"), node("Mul", "z s", "y")],
                "silu_or_nothing",
            ),
            (
                [node("Add", "z one", "u"), node("Sigmoid", "u", "s"), node("Mul", "z s", "y")],
                "make no activation that fastnn knows",
            ),
            (
                [node("Erf", "z", "e"), node("Add", "e half", "f"), node("Mul", "z f", "y")],
                "make no activation that fastnn knows",
            ),
            (
                [node("Abs", "z", "a"), node("Add", "a two", "d"), node("Div", "z d", "y")],
                "make no activation that fastnn knows",
            ),
            (
                [node("Softplus", "z", "s"), node("Greater", "z five", "c"), node("Where", "c z s", "y")],
                "a choice between two tensors",
            ),
            (
                [node("Softplus", "z", "s"), node("Greater", "z twenty", "c"), node("Where", "c s z", "y")],
                "a choice between two tensors",
            ),
            (
                [node("Greater", "z twenty", "c"), node("Cast", "c", "y", to=1)],
                "softplus with a threshold only",
            ),
        ],
    )
    def test_nearly_one(self, nodes: list[Any], complaint: str) -> None:
        model = after_gemm(*nodes, constants=constants())
        if complaint == "silu_or_nothing":
            # z sigmoid(2 z) is SiLU of 2 z, halved.
            net = agree(model, WIDE)
            assert [layer.activation for layer in net.layers] == ["silu", "identity"]
        else:
            refused(model, complaint)


def renamed(one: Any, output: str) -> Any:
    """Return a node whose output has another name."""
    copy = type(one)()
    copy.CopyFrom(one)
    copy.name = copy.output[0] = output
    return copy
