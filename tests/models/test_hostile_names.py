"""Names in ONNX and Keras files, as errors show them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from support import needs

import fastnn

needs("onnx")
needs("h5py")

import onnx  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

HOSTILE = "\x1b[2J\nERROR: root\u202e"


def refused(read: object, source: object) -> str:
    with pytest.raises(fastnn.ModelFileError) as caught:
        read(source)  # type: ignore[operator]
    message = str(caught.value)
    assert "\\x1b[2J" in message
    assert message.isprintable()
    return message


@pytest.mark.parametrize("part", ["operator", "node", "input", "output", "domain", "attribute"])
def test_onnx(part: str) -> None:
    names = {
        "operator": "Relu",
        "node": "n",
        "input": "x",
        "output": "y",
        "domain": "",
        "attribute": "a",
        part: HOSTILE,
    }
    node = helper.make_node(
        "Other" if part == "node" else names["operator"],
        [names["input"]],
        [names["output"]],
        names["node"],
        domain=names["domain"],
        **({names["attribute"]: 1} if part == "attribute" else {}),
    )
    shape = None if part in ("input", "output") else [None, 3]
    x = helper.make_tensor_value_info(names["input"], TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info(names["output"], TensorProto.FLOAT, shape)
    outputs = [y, helper.make_tensor_value_info("z", TensorProto.FLOAT, shape)] if part == "output" else [y]
    model = helper.make_model(helper.make_graph([node], "g", [x], outputs))
    assert isinstance(model, onnx.ModelProto)
    refused(fastnn.from_onnx, model)


@pytest.mark.parametrize("own", [True, False])
def test_keras(tmp_path: Path, own: bool) -> None:
    layer = {"module": "keras.layers" if own else HOSTILE, "class_name": HOSTILE, "config": {"name": HOSTILE}}
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [layer]}}
    weights = io.BytesIO()
    import h5py

    h5py.File(weights, "w").close()
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
    refused(fastnn.from_keras, path)
