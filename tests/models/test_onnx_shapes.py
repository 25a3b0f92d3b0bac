"""What moves elements, casts them or passes them on in ONNX graphs, and which output is meant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import B, W, X, agree, helper, model_of, node, normal, onnx, refused, run

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


class TestOutputs:
    MODEL = model_of(
        [node("MatMul", "x w", "z"), node("Softmax", "z", "y"), node("ArgMax", "y", "label", axis=1)],
        {"w": W},
        outputs=("label", "y"),
    )

    def test_by_name(self) -> None:
        self.MODEL.graph.output[0].type.tensor_type.elem_type = INT64
        assert fastnn.from_onnx(self.MODEL) == fastnn.from_onnx(self.MODEL, output="y")
        logits = fastnn.from_onnx(self.MODEL, output="z")
        assert logits.layers[0].activation == "identity"
        np.testing.assert_allclose(fastnn.softmax(logits(X)), run(self.MODEL, X, "y"), rtol=1e-5)

    @pytest.mark.parametrize(
        ("output", "complaint"),
        [
            (
                "label",
                r"node 'the_label' \(ArgMax\): an operator that has no place",
            ),
            ("nothing", "value 'nothing', which nothing before it makes"),
            ("w", "output 'w' doesn't depend on an input"),
            ("", "value ''"),
        ],
    )
    def test_refused(self, output: str, complaint: str) -> None:
        refused(self.MODEL, complaint, output=output)

    def test_several_to_choose_from(self) -> None:
        model = model_of([node("Relu", "x", "y"), node("Tanh", "x", "z")], {}, outputs=("y", "z"))
        refused(model, "it has outputs 'y', 'z': name the one to read")
        assert fastnn.from_onnx(model, output="z").layers[0].activation == "tanh"
        del model.graph.output[:]
        refused(model, "it has outputs none")

    def test_several_inputs(self) -> None:
        model = model_of([node("Add", "x other", "y"), node("Relu", "x", "z")], {}, outputs=("y", "z"))
        model.graph.input.append(helper.make_tensor_value_info("other", FLOAT, ("N", 4)))
        refused(model, "output 'y' depends on inputs 'x', 'other', expected one", output="y")
        assert fastnn.from_onnx(model, output="z").n_inputs == 4

    def test_initializers_may_be_inputs_too(self) -> None:
        model = model_of([node("MatMul", "x w", "y")], {"w": W})
        model.graph.input.append(helper.make_tensor_value_info("w", FLOAT, W.shape))
        assert fastnn.from_onnx(model).n_inputs == 4

    @pytest.mark.parametrize(
        ("shape", "complaint"),
        [
            (None, "input 'x' has no shape"),
            ((), "input 'x' has no shape"),
            ((None, None), r"input 'x' has shape \(None, None\), expected a fixed number of features"),
            (("N", 2, "T"), "expected a fixed number of features"),
            (("N", -4), "has a negative size"),
            (("N", 5), r"a product of shapes \(1, 5\) and \(4, 3\)"),
        ],
    )
    def test_shapes_of_the_input(self, shape: Any, complaint: str) -> None:
        refused(model_of([node("MatMul", "x w", "y")], {"w": W}, shape), complaint)

    def test_examples_along_another_axis_in_the_end(self) -> None:
        refused(
            model_of([node("Transpose", "x", "y")], {}),
            r"output 'y' has examples along axes \(1,\), its input \(0,\)",
        )
