"""What moves elements in ONNX graphs: data within each example, and constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import B, W, agree, helper, model_of, node, normal, onnx, refused

import fastnn

IMAGES = normal(5, 2, 3, 4)
DEEP = normal(24, 3)
FLOAT16, BFLOAT16, FLOAT, DOUBLE, INT64 = (
    getattr(onnx.TensorProto, name) for name in ("FLOAT16", "BFLOAT16", "FLOAT", "DOUBLE", "INT64")
)


def of_images(*nodes: Any, **constants: Any) -> Any:
    """Return a model of these nodes, from images x to rows r, and of a product."""
    return model_of([*nodes, node("MatMul", "r w", "y")], {"w": DEEP, **constants}, ("N", 2, 3, 4))


class TestFlattening:
    @pytest.mark.parametrize("axis", [None, 1, -3])
    def test_flatten(self, axis: int | None) -> None:
        flatten = node("Flatten", "x", "r", **({} if axis is None else {"axis": axis}))
        assert agree(of_images(flatten), IMAGES).n_inputs == 24

    @pytest.mark.parametrize("shape", [[0, -1], [-1, 24], [0, 24], [0, 0, -1], [1, 24], [1, -1]], ids=str)
    def test_reshape(self, shape: list[int]) -> None:
        model = of_images(node("Reshape", "x s", "f"), node("Flatten", "f", "r"), s=np.array(shape))
        x = IMAGES[:1] if shape[0] == 1 else IMAGES
        agree(model, x)

    @pytest.mark.parametrize("shape", [[5, -1], [5, 24], [-1, 24]], ids=str)
    def test_reshape_of_as_many_examples_as_the_file_says(self, shape: list[int]) -> None:
        nodes = [node("Reshape", "x s", "r"), node("MatMul", "r w", "y")]
        agree(model_of(nodes, {"s": np.array(shape), "w": DEEP}, (5, 2, 3, 4)), IMAGES)

    @pytest.mark.parametrize("opset", [11, 12, 13, 21])
    def test_reshape_by_the_size_of_the_data(self, opset: int) -> None:
        """As PyTorch writes x.view(x.size(0), -1)."""
        axes = "c zeros" if opset >= 13 else "c"
        attributes = {} if opset >= 13 else {"axes": [0]}
        nodes = [
            node("Shape", "x", "shape"),
            node("Gather", "shape zero", "c"),
            node("Unsqueeze", axes, "count", **attributes),
            node("Concat", "count rest", "s", axis=0),
            node("Reshape", "x s", "r"),
            node("MatMul", "r w", "y"),
        ]
        constants = {"zero": np.int64(0), "zeros": np.array([0]), "rest": np.array([-1]), "w": DEEP}
        agree(model_of(nodes, constants, ("N", 2, 3, 4), opset=opset), IMAGES)

    def test_reshape_by_slices_of_the_shape(self) -> None:
        nodes = [
            node("Shape", "x", "shape"),
            node("Slice", "shape zeros ones", "c"),
            node("Concat", "c rest", "s", axis=0),
            node("Cast", "s", "t", to=INT64),
            node("Reshape", "x t", "r"),
        ]
        constants = {"zeros": np.array([0]), "ones": np.array([1]), "rest": np.array([-1])}
        agree(of_images(*nodes, **constants), IMAGES)

    def test_everything_within_an_example_may_move(self) -> None:
        nodes = [
            node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
            node("Slice", "t from_one to_end threes", "s"),
            node("Unsqueeze", "s ones", "u"),
            node("Squeeze", "u ones", "v"),
            node("Reshape", "v shape", "r"),
            node("Gather", "r picks", "g", axis=1),
            node("Mul", "g scale", "m"),
            node("MatMul", "m w", "y"),
        ]
        constants = {
            **{"from_one": np.array([1]), "to_end": np.array([9]), "threes": np.array([3])},
            **{"ones": np.array([1]), "shape": np.array([0, -1]), "picks": np.array([7, 0, 0, -1, 2])},
            **{"scale": normal(5), "w": normal(5, 3)},
        }
        net = agree(model_of(nodes, constants, ("N", 2, 3, 4)), IMAGES)
        assert len(net.layers) == 1

    def test_examples_may_lie_along_another_axis_for_a_while(self) -> None:
        nodes = [
            node("Transpose", "x", "t", perm=[1, 2, 3, 0]),
            node("Mul", "t scale", "m"),
            node("Transpose", "m", "u", perm=[3, 0, 1, 2]),
            node("Flatten", "u", "r"),
        ]
        agree(of_images(*nodes, scale=normal(2, 3, 4, 1)), IMAGES)

    def test_products_along_the_last_of_several_axes(self) -> None:
        """As of torch.nn.Linear on sequences: one matrix, at every place of an example."""
        nodes = [node("MatMul", "x w", "z"), node("Add", "z b", "a"), node("Relu", "a", "y")]
        agree(model_of(nodes, {"w": W, "b": B}, ("N", 2, 3, 4)), IMAGES)

    @pytest.mark.parametrize(
        ("nodes", "complaint"),
        [
            ([node("Flatten", "x", "r", axis=0)], r"node 'the_r' \(Flatten\): axis 0, which mixes examples"),
            ([node("Flatten", "x", "r", axis=2)], "axis 2, which mixes examples"),
            ([node("Flatten", "x", "r", axis=5)], "axis 5 of a tensor with 4 axes"),
            (
                [node("Reshape", "x mixing", "r")],
                r"shape \[-1, 12\] for examples of .*, which mixes",
            ),
            ([node("Reshape", "x many", "r")], "which mixes examples"),
            (
                [node("Reshape", "x wrong", "r")],
                r"shape \[7\] for 24 elements",
            ),
            ([node("Reshape", "x twice", "r")], "for 24 elements"),
            ([node("Reshape", "x beyond", "r")], "size 0 for axis 4, but the input has 4 axes"),
            ([node("Reshape", "x zeros", "r", allowzero=1)], "which mixes examples"),
            ([node("Reshape", "x reals", "r")], "expected a list of integers"),
            ([node("Reshape", "x x", "r")], "expected a list of integers"),
            ([node("Transpose", "x", "r", perm=[0, 1, 2])], r"perm \[0, 1, 2\] for 4 axes"),
            ([node("Transpose", "x", "r", perm=[1, 0, 2, 3])], "a product of shapes|examples along axes"),
            (
                [node("Squeeze", "x", "r")],
                "no axes, so that their number would depend",
            ),
            ([node("Squeeze", "x first", "r")], "axis 0, along which examples lie"),
            ([node("Squeeze", "x ones", "r")], "cannot select an axis to squeeze"),
            ([node("Unsqueeze", "x", "r")], "no axes"),
            ([node("Squeeze", "x", "r", axes=[1])], "axes as an attribute, which they were until opset 12"),
            ([node("Gather", "x picks", "r", axis=0)], "axis 0, along which examples lie"),
            ([node("Gather", "x picks", "r", axis=1)], "out of bounds"),
            ([node("Slice", "x first ones", "r")], "axis 0, along which examples lie"),
            (
                [node("Shape", "x", "s"), node("Mul", "s ones", "t"), node("Reshape", "x t", "r")],
                "arithmetic with the number of examples",
            ),
            (
                [node("Reshape", "x column", "c"), node("Relu", "c", "r")],
                r"reshaped to \(-1, 1\)",
            ),
        ],
    )
    def test_refused(self, nodes: list[Any], complaint: str) -> None:
        constants = {
            **{"mixing": np.array([-1, 12]), "many": np.array([4, -1]), "wrong": np.array([0, 7])},
            **{
                "twice": np.array([0, -1, -1]),
                "beyond": np.array([0, -1, 1, 1, 0]),
                "zeros": np.array([0, -1]),
            },
            **{"reals": np.array([0.0, -1.0]), "first": np.array([0]), "ones": np.array([1])},
            **{"picks": np.array([3]), "column": np.array([-1, 1])},
        }
        refused(of_images(*nodes, **constants), complaint)


class TestConstants:
    @pytest.mark.parametrize("opset", [11, 13])
    def test_shapes_of_weights(self, opset: int) -> None:
        at = {"axes": [0]} if opset < 13 else {}
        extra = " zeros" if opset >= 13 else ""
        nodes = [
            node("Constant", "", "c", value=helper.make_tensor("c", FLOAT, (1, 12), W.ravel().tolist())),
            node("Squeeze", f"c{extra}", "flat", **at),
            node("Reshape", "flat shape", "m"),
            node("Transpose", "m", "t", perm=[1, 0]),
            node("Unsqueeze", f"t{extra}", "u", **at),
            node("Squeeze", f"u{extra}", "v", **at),
            node("Identity", "v", "w"),
            node("Gemm", "x w", "y", transB=1),
        ]
        net = agree(model_of(nodes, {"shape": np.array([4, -1]), "zeros": np.array([0])}, opset=opset))
        np.testing.assert_array_equal(net.layers[0].weight, W.T)

    def test_arithmetic_of_weights_is_in_float64(self) -> None:
        nodes = [
            node("Mul", "w s", "a"),
            node("Sqrt", "q", "r"),
            node("Div", "a r", "c"),
            node("Sub", "c w", "d"),
            node("Add", "d w", "e"),
            node("Neg", "e", "f"),
            node("MatMul", "x f", "y"),
        ]
        scale, square = normal(3), np.abs(normal(4, 1)) + 1
        net = agree(model_of(nodes, {"w": W, "s": scale, "q": square}), limit=1e-5)
        exact = W.astype(np.float64) * scale.astype(np.float64) / np.sqrt(square.astype(np.float64))
        np.testing.assert_array_equal(net.layers[0].weight, -exact.T.astype(np.float32))

    def test_constants_of_every_kind(self) -> None:
        nodes = [
            node("Constant", "", "two", value_float=2.0),
            node("Constant", "", "row", value_floats=[1.0, 2.0, 3.0, 4.0]),
            node("Constant", "", "axis", value_int=1),
            node("Constant", "", "shape", value_ints=[0, 4]),
            node("Mul", "x two", "a"),
            node("Add", "a row", "b"),
            node("Unsqueeze", "axis zero", "axes"),
            node("Unsqueeze", "b axes", "c"),
            node("Reshape", "c shape", "y"),
        ]
        agree(model_of(nodes, {"zero": np.array([0])}))

    def test_a_cast_of_weights_rounds(self) -> None:
        nodes = [
            node("Cast", "w", "h", to=FLOAT16),
            node("Cast", "h", "v", to=FLOAT),
            node("MatMul", "x v", "y"),
        ]
        net = agree(model_of(nodes, {"w": W}))
        np.testing.assert_array_equal(net.layers[0].weight, W.astype(np.float16).astype(np.float32).T)

    def test_a_cast_to_bfloat16_rounds_to_the_nearest(self) -> None:
        weight = np.array([[1 + 2**-8], [1 + 3 * 2**-8], [1.01], [np.nan]], np.float32)
        nodes = [
            node("Cast", "w", "h", to=BFLOAT16),
            node("Cast", "h", "v", to=FLOAT),
            node("MatMul", "x v", "y"),
        ]
        net = fastnn.from_onnx(model_of(nodes, {"w": weight}))
        np.testing.assert_array_equal(net.layers[0].weight[0], [1.0, 1 + 2**-6, 1.0078125, np.nan])
