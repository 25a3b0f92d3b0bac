"""Casts in ONNX graphs, and what does nothing in inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import B, W, X, agree, model_of, node, onnx, refused

import fastnn

FLOAT16, FLOAT, DOUBLE, INT64 = (
    getattr(onnx.TensorProto, name) for name in ("FLOAT16", "FLOAT", "DOUBLE", "INT64")
)


class TestCasts:
    @pytest.mark.parametrize("given", [np.float16, np.float32, np.float64, np.int64])
    @pytest.mark.parametrize("computed", [FLOAT, DOUBLE])
    def test_of_the_input(self, given: Any, computed: int) -> None:
        weight = W.astype(np.float32 if computed == FLOAT else np.float64)
        nodes = [node("Cast", "x", "c", to=computed), node("MatMul", "c w", "y")]
        net = fastnn.from_onnx(model_of(nodes, {"w": weight}, dtype=given))
        assert net.dtype == (np.float32 if computed == FLOAT else np.float64)

    @pytest.mark.parametrize("kept", [FLOAT, DOUBLE, FLOAT16])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_of_the_output(self, kept: int, dtype: Any) -> None:
        """The network computes in the graph's type, whatever it hands over."""
        nodes = [node("MatMul", "x w", "z"), node("Cast", "z", "y", to=kept)]
        assert fastnn.from_onnx(model_of(nodes, {"w": W.astype(dtype)}, dtype=dtype)).dtype == dtype

    def test_a_graph_in_half_precision(self) -> None:
        """As converters make of a float32 model, input and output kept."""
        nodes = [
            node("Cast", "x", "h", to=FLOAT16),
            node("Gemm", "h w b", "z"),
            node("Relu", "z", "a"),
            node("Cast", "a", "y", to=FLOAT),
        ]
        net = fastnn.from_onnx(model_of(nodes, {"w": W.astype(np.float16), "b": B.astype(np.float16)}))
        assert net.dtype == np.float32
        np.testing.assert_array_equal(net.layers[0].weight, W.astype(np.float16).astype(np.float32).T)

    def test_the_widest_type_counts(self) -> None:
        nodes = [
            node("MatMul", "x w", "z"),
            node("Cast", "z", "d", to=DOUBLE),
            node("Mul", "d s", "e"),
            node("Cast", "e", "f", to=FLOAT),
            node("Relu", "f", "y"),
        ]
        assert fastnn.from_onnx(model_of(nodes, {"w": W, "s": np.float64(0.1)})).dtype == np.float64

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_nothing_computed(self, dtype: Any) -> None:
        net = fastnn.from_onnx(model_of([node("Identity", "x", "y")], {}, dtype=dtype))
        assert net.dtype == dtype
        np.testing.assert_array_equal(net(X), X.astype(dtype))

    @pytest.mark.parametrize(
        ("nodes", "complaint"),
        [
            (
                [node("Cast", "x", "h", to=FLOAT16), node("Cast", "h", "y", to=FLOAT)],
                r"node 'the_y' \(Cast\): a cast to float16 and back, which only rounds",
            ),
            ([node("Cast", "x", "y", to=INT64)], "a cast of the data to int64, which drops"),
            (
                [node("Cast", "x", "y", to=onnx.TensorProto.STRING)],
                "element type string, expected real",
            ),
            ([node("Cast", "x", "y", to=99)], "element type number 99"),
            ([node("Cast", "x", "y")], "no attribute 'to'"),
        ],
    )
    def test_refused(self, nodes: list[Any], complaint: str) -> None:
        refused(model_of(nodes, {}), complaint)

    def test_integers_are_no_data_to_compute_with(self) -> None:
        refused(
            model_of([node("Add", "x c", "y")], {"c": np.int64(1)}, dtype=np.int64), "arithmetic in int64"
        )


class TestInference:
    @pytest.mark.parametrize("opset", [6, 7, 10, 12, 13, 21])
    def test_dropout(self, opset: int) -> None:
        attributes = {"is_test": 1} if opset < 7 else {"ratio": 0.3} if opset < 12 else {}
        inputs = "z" if opset < 12 else "z ratio"
        nodes = [
            node("MatMul", "x w", "z"),
            node("Dropout", inputs, "d mask", **attributes),
            node("Relu", "d", "y"),
        ]
        net = fastnn.from_onnx(model_of(nodes, {"w": W, "ratio": np.float32(0.3)}, opset=opset))
        assert len(net.layers) == 1

    @pytest.mark.parametrize(
        ("ratio", "training", "fine"), [(0.3, False, True), (0.0, True, True), (0.3, True, False)]
    )
    def test_dropout_in_training(self, ratio: float, training: bool, fine: bool) -> None:
        constants = {"ratio": np.float32(ratio), "training": np.array(training), "w": W}
        model = model_of([node("Dropout", "x ratio training", "d"), node("MatMul", "d w", "y")], constants)
        if fine:
            agree(model)
        else:
            refused(model, r"node 'the_d' \(Dropout\): training mode")
        refused(model_of([node("Dropout", "x", "y")], {}, opset=6), "training mode")

    def test_normalizer(self) -> None:
        softmax = [node("MatMul", "x w", "z"), node("Softmax", "z", "s")]
        norm = node("Normalizer", "s", "y", domain="ai.onnx.ml", norm="L1")
        assert agree(model_of([*softmax, norm], {"w": W})).layers[-1].activation == "softmax"
        sigmoid = [node("MatMul", "x w", "z"), node("Sigmoid", "z", "s")]
        refused(model_of([*sigmoid, norm], {"w": W}), "norm L1 of what isn't a softmax")
