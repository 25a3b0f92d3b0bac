"""Activations in ONNX graphs: one operator, several, and the axis of softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import B, W, X, agree, model_of, node, normal, onnx, refused

import fastnn
from fastnn import Network

WIDE = 4 * X  # both sides of every kink


def after_gemm(*nodes: Any, constants: dict[str, Any] | None = None, **options: Any) -> Any:
    """Return a model of Gemm, from x to z, and these nodes."""
    return model_of([node("Gemm", "x w b", "z"), *nodes], {"w": W, "b": B, **(constants or {})}, **options)


def activation_of(net: Network) -> str:
    """Return the only layer's activation."""
    (layer,) = net.layers
    assert layer.weight.shape == (3, 4)
    return layer.activation


@pytest.mark.parametrize(
    ("operator", "attributes", "name"),
    [
        ("Relu", {}, "relu"),
        ("Sigmoid", {}, "sigmoid"),
        ("Tanh", {}, "tanh"),
        ("LeakyRelu", {}, "leaky_relu"),
        ("LeakyRelu", {"alpha": 0.2}, "leaky_relu(0.2)"),
        ("Elu", {}, "elu"),
        ("Elu", {"alpha": 0.3}, "elu(0.3)"),
        ("Selu", {}, "selu"),
        ("Gelu", {}, "gelu"),
        ("Gelu", {"approximate": "none"}, "gelu"),
        ("Gelu", {"approximate": "tanh"}, "gelu_tanh"),
        ("Softplus", {}, "softplus"),
        ("Softsign", {}, "softsign"),
        ("HardSigmoid", {}, "hard_sigmoid(0.2, 0.5)"),
        ("HardSigmoid", {"alpha": 1 / 6}, "hard_sigmoid"),
        ("HardSwish", {}, "hard_swish"),
        ("Softmax", {}, "softmax"),
        ("LogSoftmax", {"axis": 1}, "log_softmax"),
    ],
)
def test_operator(operator: str, attributes: dict[str, Any], name: str) -> None:
    net = agree(after_gemm(node(operator, "z", "y", **attributes), opset=20), WIDE, limit=2e-5)
    assert activation_of(net) == name


@pytest.mark.parametrize(
    ("bounds", "constants", "name"),
    [
        ("low high", {"low": 0.0, "high": 6.0}, "clip"),
        ("low high", {"low": -1.0, "high": 1.0}, "clip(-1, 1)"),
        ("low high", {"low": [0.1], "high": [0.7]}, "clip(0.1, 0.7)"),
        ("low", {"low": 0.0}, "relu"),
        ("low", {"low": -0.5}, "clip(-0.5, 3.4028234663852886e+38)"),
        ("- high", {"high": 0.5}, "clip(-3.4028234663852886e+38, 0.5)"),
    ],
)
def test_clip(bounds: str, constants: dict[str, Any], name: str) -> None:
    arrays = {key: np.array(value, np.float32) for key, value in constants.items()}
    net = agree(after_gemm(node("Clip", f"z {bounds}", "y"), constants=arrays), WIDE)
    assert activation_of(net) == name


def test_clip_by_attributes() -> None:
    net = agree(after_gemm(node("Clip", "z", "y", min=-0.3, max=0.4), opset=10), WIDE)
    assert activation_of(net) == "clip(-0.3, 0.4)"
    assert activation_of(fastnn.from_onnx(after_gemm(node("Clip", "z", "y", min=0.0), opset=6))) == "relu"


def test_bounds_in_float64_keep_their_digits() -> None:
    model = model_of(
        [node("Clip", "x low high", "y")],
        {"low": np.float64(-1 / 3), "high": np.float64(1 / 3)},
        dtype=np.float64,
    )
    assert fastnn.from_onnx(model).layers[0].activation == f"clip({-1 / 3!r}, {1 / 3!r})"


class TestScaled:
    """Activations that are another's, with constants before and after."""

    def test_selu_with_other_numbers(self) -> None:
        net = agree(after_gemm(node("Selu", "z", "y", alpha=2.0, gamma=3.0)), WIDE, limit=1e-5)
        assert [layer.activation for layer in net.layers] == ["elu(2)", "identity"]

    def test_celu(self) -> None:
        net = agree(after_gemm(node("Celu", "z", "y", alpha=0.5)), WIDE, limit=1e-5)
        assert [layer.activation for layer in net.layers] == ["elu", "identity"]
        assert activation_of(agree(after_gemm(node("Celu", "z", "y")), WIDE)) == "elu"

    @pytest.mark.skipif(onnx.defs.onnx_opset_version() < 24, reason="Swish came with opset 24")
    @pytest.mark.parametrize("alpha", [1.0, 2.0])
    def test_swish(self, alpha: float) -> None:
        net = fastnn.from_onnx(after_gemm(node("Swish", "z", "y", alpha=alpha), opset=24))
        z = WIDE @ W + B
        np.testing.assert_allclose(net(WIDE), z / (1 + np.exp(-alpha * z)), rtol=1e-4, atol=1e-5)
        assert net.layers[0].activation == "silu"

    @pytest.mark.parametrize("shape", [(1,), (3,), (1, 3)], ids=str)
    def test_prelu_of_one_slope(self, shape: tuple[int, ...]) -> None:
        slope = np.full(shape, 0.3, np.float32)
        model = after_gemm(node("PRelu", "z slope", "y"), constants={"slope": slope})
        assert activation_of(agree(model, WIDE)) == "leaky_relu(0.3)"
        several = after_gemm(node("PRelu", "z slope", "y"), constants={"slope": normal(3)})
        refused(several, r"node 'the_y' \(PRelu\): 3 different slopes, expected one")


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


class TestSoftmax:
    @pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
    @pytest.mark.parametrize(
        ("opset", "axis"), [(6, 1), (12, None), (12, -1), (12, 1), (13, 1), (13, -1), (21, None)]
    )
    def test_of_a_matrix(self, operator: str, opset: int, axis: int | None) -> None:
        attributes = {} if axis is None else {"axis": axis}
        nodes = [node("MatMul", "x w", "z"), node(operator, "z", "y", **attributes)]
        model = model_of(nodes, {"w": W}, opset=opset)
        net = fastnn.from_onnx(model) if opset < 7 else agree(model, WIDE)
        assert activation_of(net) == {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[operator]

    def test_until_opset_12_over_all_axes_from_one_on(self) -> None:
        x = normal(5, 2, 3)
        agree(model_of([node("Softmax", "x", "y", axis=1)], {}, ("N", 2, 3), opset=12), x)
        refused(
            model_of([node("Softmax", "x", "y", axis=2)], {}, ("N", 2, 3), opset=12), "expected a row that is"
        )
        refused(
            model_of([node("Softmax", "x", "y", axis=1)], {}, ("N", 2, 3), opset=13), "expected a row that is"
        )

    def test_since_opset_13_along_one_axis(self) -> None:
        x = normal(5, 3, 1)
        agree(model_of([node("Softmax", "x", "y", axis=1)], {}, ("N", 3, 1)), x)
        refused(model_of([node("Softmax", "x", "y", axis=2)], {}, ("N", 3, 1)), "expected a row that is")

    @pytest.mark.parametrize("opset", [12, 13])
    def test_over_examples(self, opset: int) -> None:
        refused(
            model_of([node("Softmax", "x", "y", axis=0)], {}, opset=opset),
            r"node 'the_y' \(Softmax\): axis 0",
        )

    def test_no_such_axis(self) -> None:
        refused(model_of([node("Softmax", "x", "y", axis=2)], {}), "axis 2 of a tensor with 2 axes")
