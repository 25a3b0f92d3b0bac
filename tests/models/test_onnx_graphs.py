"""Products and constants in ONNX graphs, in every form that is read, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import POSITIVE, B, W, X, agree, model_of, node, normal, onnx, refused, run
from support import same_bits

import fastnn


class TestProducts:
    @pytest.mark.parametrize("alpha", [1.0, 0.3])
    @pytest.mark.parametrize("beta", [1.0, -2.0, 0.0])
    @pytest.mark.parametrize("c", [(3,), (1, 3), (1, 1), (1,), ()], ids=str)
    @pytest.mark.parametrize("trans_b", [0, 1])
    def test_gemm(self, alpha: float, beta: float, c: tuple[int, ...], trans_b: int) -> None:
        weight = W.T if trans_b else W
        gemm = node("Gemm", "x w c", "y", alpha=alpha, beta=beta, transB=trans_b)
        net = agree(model_of([gemm], {"w": weight, "c": normal(*c)}))
        assert len(net.layers) == 1

    def test_gemm_alone_keeps_every_bit(self) -> None:
        net = fastnn.from_onnx(model_of([node("Gemm", "x w c", "y")], {"w": W, "c": B}))
        assert same_bits(net.layers[0].weight, W.T)
        assert same_bits(net.layers[0].bias, B)
        assert fastnn.from_onnx(model_of([node("Gemm", "x w", "y")], {"w": W})).layers[0].bias is None

    def test_gemm_of_a_constant_and_columns(self) -> None:
        nodes = [
            node("Transpose", "x", "xt"),
            node("Gemm", "w xt c", "z", transA=1),
            node("Transpose", "z", "y"),
        ]
        agree(model_of(nodes, {"w": W, "c": normal(3, 1)}))

    def test_gemm_with_data_transposed(self) -> None:
        nodes = [node("Transpose", "x", "xt"), node("Gemm", "xt w", "y", transA=1)]
        agree(model_of(nodes, {"w": W}))

    def test_examples_as_columns(self) -> None:
        model = model_of(
            [node("MatMul", "w x", "z"), node("Add", "z b", "y")], {"w": W.T, "b": normal(3, 1)}, (4, "N")
        )
        net = fastnn.from_onnx(model)
        np.testing.assert_allclose(
            net(X.astype(np.float32)), (X @ W) + normal(3, 1)[:, 0], rtol=1e-5, atol=1e-6
        )

    def test_one_example(self) -> None:
        nodes = [node("MatMul", "x w", "z"), node("Softmax", "z", "y", axis=0)]
        model = model_of(nodes, {"w": W}, (4,))
        net = fastnn.from_onnx(model)
        np.testing.assert_allclose(net(X[0]), run(model, X[0]), rtol=1e-6)

    def test_two_products_are_two_layers(self) -> None:
        model = model_of(
            [node("MatMul", "x w", "z"), node("MatMul", "z v", "y")], {"w": W, "v": normal(3, 2)}
        )
        net = agree(model)
        assert [layer.activation for layer in net.layers] == ["identity", "identity"]

    def test_a_vector(self) -> None:
        net = agree(model_of([node("MatMul", "x w", "y")], {"w": normal(4)}))
        assert net.n_outputs == 1

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, bool])
    def test_weights_of_any_type(self, dtype: Any) -> None:
        weight = np.array([[1, 0], [2, 3], [0, 1], [5, 7]]).astype(dtype)
        net = fastnn.from_onnx(model_of([node("MatMul", "x w", "y")], {"w": weight}))
        assert net.dtype == np.float32
        np.testing.assert_array_equal(net.layers[0].weight, weight.T.astype(np.float32))

    def test_bfloat16(self) -> None:
        numbers = [1.0, -0.15625, 3.140625, -(2.0**100)]
        bits = (np.array(numbers, np.float32).view(np.uint32) >> 16).astype("<u2")
        for field in ("int32_data", "raw_data"):
            weight = onnx.TensorProto(name="w", data_type=onnx.TensorProto.BFLOAT16, dims=(4, 1))
            if field == "raw_data":
                weight.raw_data = bits.tobytes()
            else:
                weight.int32_data.extend(bits.tolist())
            net = fastnn.from_onnx(model_of([node("MatMul", "x w", "y")], {"w": weight}))
            np.testing.assert_array_equal(net.layers[0].weight[0], np.array(numbers, np.float32))

    @pytest.mark.parametrize(
        ("nodes", "complaint"),
        [
            ([node("Gemm", "x v", "y")], r"node 'the_y' \(Gemm\): a product of shapes \(1, 4\) and \(3, 2\)"),
            ([node("MatMul", "w w", "y")], "a product of two tensors that are constants"),
            ([node("MatMul", "x x", "y")], "a product of two tensors that depend on the data"),
            ([node("Gemm", "x w", "y", transA=1)], "a product of shapes"),
            (
                [node("Gemm", "x w many", "y")],
                r"constant of shape \(9, 3\), which isn't the same for every example",
            ),
            ([node("Gemm", "x w cube", "y")], "C of shape"),
            ([node("Gemm", "x cube", "y")], "expected two matrices"),
            ([node("MatMul", "x one", "y")], "a product with a scalar"),
            ([node("Gemm", "x w b b", "y")], "4 inputs, expected 2 to 3"),
            ([node("Gemm", "x", "y")], "1 inputs, expected 2 to 3"),
            ([node("Gemm", "- w", "y")], "2 inputs, expected 2 to 3"),
            ([node("Gemm", "x w", "y", gamma=1.0)], "attribute 'gamma', which fastnn doesn't know"),
            ([node("Gemm", "x w", "y", alpha=1)], "attribute 'alpha' of another type, expected f"),
            ([node("Gemm", "x w", "y", transB="yes")], "attribute 'transB' of another type, expected i"),
        ],
    )
    def test_refused(self, nodes: list[Any], complaint: str) -> None:
        constants = {
            **{"w": W, "v": normal(3, 2), "b": B, "many": normal(9, 3), "cube": normal(1, 1, 3)},
            "one": np.float32(1),
        }
        refused(model_of(nodes, constants), complaint)


class TestConstants:
    @pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (1, 1)], ids=str)
    @pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
    @pytest.mark.parametrize("order", ["x c", "c x"])
    def test_before_a_product(self, operator: str, order: str, shape: tuple[int, ...]) -> None:
        nodes = [node(operator, order, "s"), node("Gemm", "s w b", "z"), node("Relu", "z", "y")]
        model = model_of(nodes, {"c": normal(*shape) + np.float32(2), "w": W, "b": B})
        if (operator, order) == ("Div", "c x"):
            refused(model, r"node 'the_s' \(Div\): a division by a tensor that depends on the data")
        else:
            assert len(agree(model, limit=1e-5).layers) == 1

    @pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3)], ids=str)
    @pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
    @pytest.mark.parametrize("order", ["z c", "c z"])
    def test_after_a_product(self, operator: str, order: str, shape: tuple[int, ...]) -> None:
        if (operator, order) == ("Div", "c z"):
            return
        nodes = [node("MatMul", "x w", "z"), node(operator, order, "s"), node("Sigmoid", "s", "y")]
        assert len(agree(model_of(nodes, {"c": normal(*shape) + np.float32(2), "w": W})).layers) == 1

    def test_between_an_activation_and_a_product(self) -> None:
        nodes = [
            node("Gemm", "x w b", "z"),
            node("Tanh", "z", "a"),
            node("Mul", "a c", "s"),
            node("Sub", "d s", "t"),
            node("MatMul", "t v", "y"),
        ]
        net = agree(model_of(nodes, {"w": W, "b": B, "c": normal(3), "d": normal(1, 3), "v": normal(3, 2)}))
        assert [layer.activation for layer in net.layers] == ["tanh", "identity"]

    @pytest.mark.parametrize("last", ["Relu", "Identity"])
    def test_without_a_layer_to_fold_into(self, last: str) -> None:
        nodes = [
            node("Gemm", "x w b", "z"),
            node("Tanh", "z", "a"),
            node("Mul", "a c", "s"),
            node(last, "s", "y"),
        ]
        net = agree(model_of(nodes, {"w": W, "b": B, "c": normal(3)}))
        assert len(net.layers) == 2
        np.testing.assert_array_equal(net.layers[1].weight, np.diag(normal(3)))

    def test_nothing_but_constants(self) -> None:
        net = agree(
            model_of([node("Sub", "x c", "s"), node("Div", "s d", "y")], {"c": normal(4), "d": POSITIVE})
        )
        assert len(net.layers) == 1

    def test_folding_is_rounded_once(self) -> None:
        """A mean far above the deviation: the folded bias is exact to the last bit."""
        mean = np.full(4, 1000.1, np.float32)
        scale = np.full(4, 0.001, np.float32)
        nodes = [node("Sub", "x m", "c"), node("Mul", "c s", "d"), node("MatMul", "d w", "y")]
        net = fastnn.from_onnx(model_of(nodes, {"m": mean, "s": scale, "w": W}))
        exact = -(mean.astype(np.float64) * scale.astype(np.float64)) @ W.astype(np.float64)
        assert same_bits(net.layers[0].bias, exact.astype(np.float32))

    def test_sum_and_parts_of_one_layer(self) -> None:
        nodes = [
            node("Gemm", "x w b", "p"),
            node("Gemm", "x v", "q"),
            node("Sum", "p q p", "s"),
            node("Neg", "s", "t"),
            node("Concat", "t p x", "u", axis=1),
            node("Relu", "u", "y"),
        ]
        net = agree(model_of(nodes, {"w": W, "b": B, "v": normal(4, 3)}))
        assert (len(net.layers), net.n_outputs) == (1, 10)

    @pytest.mark.parametrize("opset", [6, 7, 9, 14, 15])
    @pytest.mark.parametrize("place", ["before", "after"])
    def test_batch_normalization(self, opset: int, place: str) -> None:
        attributes = {"is_test": 1} if opset < 7 else {}
        width = 4 if place == "before" else 3
        statistics = {name: np.abs(normal(width)) + i for i, name in enumerate("sbmv")}
        norm = lambda given, made: node(  # noqa: E731
            "BatchNormalization", f"{given} s b m v", made, epsilon=0.01, **attributes
        )
        if place == "before":
            nodes = [norm("x", "n"), node("MatMul", "n w", "z"), node("Relu", "z", "y")]
        else:
            nodes = [node("MatMul", "x w", "z"), norm("z", "n"), node("Relu", "n", "y")]
        model = model_of(nodes, {**statistics, "w": W}, opset=opset)
        if opset == 6:
            assert len(fastnn.from_onnx(model).layers) == 1
            del nodes[0 if place == "before" else 1].attribute[:]
            refused(model_of(nodes, {**statistics, "w": W}, opset=6), "training mode")
        else:
            assert len(agree(model).layers) == 1

    def test_batch_normalization_of_images(self) -> None:
        statistics = {name: np.abs(normal(2)) + 1 for name in "sbmv"}
        nodes = [
            node("BatchNormalization", "x s b m v", "n"),
            node("Flatten", "n", "f"),
            node("MatMul", "f w", "y"),
        ]
        agree(model_of(nodes, {**statistics, "w": normal(24, 3)}, ("N", 2, 3, 4)), normal(5, 2, 3, 4))

    @pytest.mark.parametrize(
        ("nodes", "complaint"),
        [
            ([node("Add", "x many", "y")], r"shape \(9, 4\), which isn't the same for every example"),
            ([node("Mul", "x x", "y")], r"node 'the_y' \(Mul\): .*square.*|read as a part"),
            ([node("Relu", "x", "a"), node("Mul", "a x", "y")], "make no activation that fastnn knows"),
            ([node("Relu", "x", "a"), node("Add", "a x", "y")], "two branches that meet"),
            ([node("Relu", "x", "a"), node("Concat", "a x", "y", axis=1)], "two branches that meet"),
            ([node("Concat", "x four", "y", axis=1)], "a concatenation of data with constants"),
            ([node("Concat", "x x", "y", axis=0)], "axis 0, along which examples lie"),
            ([node("Concat", "x x", "y")], "no attribute 'axis'"),
            ([node("Add", "x three", "y")], "broadcast"),
            ([node("BatchNormalization", "x four four four four", "y", training_mode=1)], "training mode"),
            ([node("BatchNormalization", "x four four four four", "y m2 v2")], "training mode"),
            ([node("BatchNormalization", "x three four four four", "y")], "statistics of shapes"),
            ([node("Relu", "four", "y")], r"a constant of shape \(4,\), expected data"),
            ([node("Add", "four four", "y")], "doesn't depend on an input"),
        ],
    )
    def test_refused(self, nodes: list[Any], complaint: str) -> None:
        constants = {"many": normal(9, 4), "four": POSITIVE, "three": B}
        refused(model_of(nodes, constants), complaint)
