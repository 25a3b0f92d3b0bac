"""Which input and output of an ONNX graph are meant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_peers import W, X, helper, model_of, node, onnx, refused, run

import fastnn

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


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
