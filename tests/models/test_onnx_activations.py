"""Activations in ONNX graphs that are one operator, and the axis of softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import WIDE, B, W, activation_of, after_gemm, agree, model_of, node, normal, onnx, refused

import fastnn


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
        ("low high", {"low": 0.0, "high": np.inf}, "relu"),
        ("low high", {"low": -0.5, "high": np.inf}, "clip(-0.5, 3.4028234663852886e+38)"),
        ("low high", {"low": -np.inf, "high": 0.5}, "clip(-3.4028234663852886e+38, 0.5)"),
        ("low high", {"low": -np.inf, "high": np.inf}, "identity"),
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


@pytest.mark.parametrize("bounds", [(np.inf, np.inf), (-np.inf, -np.inf), (np.nan, 1.0)])
def test_bounds_that_leave_nothing(bounds: tuple[float, float]) -> None:
    constants = dict(zip(("low", "high"), map(np.float32, bounds), strict=True))
    message = r"'the_y' \(Clip\): (low|high) is .*, expected a finite number"
    refused(after_gemm(node("Clip", "z low high", "y"), constants=constants), message)


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
        with pytest.raises(fastnn.ModelFileError, match=r"alpha -1\.5, expected a number above 0"):
            fastnn.from_onnx(after_gemm(node("Celu", "z", "y", alpha=-1.5)))

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
