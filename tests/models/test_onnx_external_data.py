"""Parameters of ONNX models that lie in other files: read when asked for, and in the model's folder only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from onnx_peers import W, model_of, node, onnx, perceptron, refused
from support import same_bits

import fastnn
from fastnn import ModelFileError, Network


def outside(location: Any = "weights.bin", offset: Any = None, length: Any = None) -> Any:
    """Return a model whose weight, W, is described as lying in another file."""
    tensor = onnx.TensorProto(name="w", dims=W.shape, data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    return model_of([node("MatMul", "x w", "y")], {"w": tensor})


@pytest.fixture(autouse=True)
def data(path: Path) -> None:
    (path.parent / "weights.bin").write_bytes(b"1234" + W.tobytes())
    (path.parent / "plain.bin").write_bytes(W.tobytes())


def read(path: Path, model: Any) -> Network:
    path.write_bytes(model.SerializeToString())
    return fastnn.from_onnx(path, external_data=True)


def fails(path: Path, model: Any, complaint: str) -> None:
    with pytest.raises(ModelFileError, match=complaint) as caught:
        read(path, model)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "where", [("weights.bin", "4", "48"), ("weights.bin", "4", None), ("plain.bin", None, None)], ids=str
)
def test_read_when_asked_for(path: Path, where: Any) -> None:
    net = read(path, outside(*where))
    assert same_bits(net.layers[0].weight, W.T)


def test_as_onnx_writes_it(path: Path) -> None:
    model = perceptron()
    expected = fastnn.from_onnx(model)
    onnx.save_model(model, path, save_as_external_data=True, location="all.bin", size_threshold=0)
    assert fastnn.from_onnx(path, external_data=True) == expected
    with pytest.raises(ModelFileError, match="is read with external_data=True only"):
        fastnn.from_onnx(path)


def test_in_a_folder_below(path: Path) -> None:
    (path.parent / "deeper").mkdir()
    (path.parent / "plain.bin").rename(path.parent / "deeper" / "plain.bin")
    assert read(path, outside("deeper/plain.bin")).n_outputs == 3


def test_refused_unless_asked_for(path: Path) -> None:
    path.write_bytes(outside("plain.bin").SerializeToString())
    with pytest.raises(ModelFileError, match="initializer 'w' has its data in another file"):
        fastnn.from_onnx(path)
    refused(outside("plain.bin"), "its data in another file")
    refused(perceptron(), "external data belongs to a file", external_data=True)


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        (("",), "expected a file in the model's folder"),
        ((None,), "expected a file in the model's folder"),
        (("/etc/passwd",), "external data in '/etc/passwd', expected a file in the model's folder"),
        (("../plain.bin",), "expected a file in the model's folder"),
        (("deeper/../../plain.bin",), "expected a file in the model's folder"),
        (("..\\plain.bin",), "expected a file in the model's folder"),
        (("C:plain.bin",), "expected a file in the model's folder"),
        (("C:\\plain.bin",), "expected a file in the model's folder"),
        (("\\\\server\\share\\plain.bin",), "expected a file in the model's folder"),
        ((".",), "expected a file in the model's folder"),
        (("plain.bin\0",), "expected a file in the model's folder"),
        (("missing.bin",), "external data in 'missing.bin', which can't be read"),
        (("x" * 300,), "which can't be read"),
        (("plain.bin", "-4"), "external data with offset '-4', expected a whole number"),
        (("plain.bin", "4.0"), "offset '4.0', expected a whole number"),
        (("plain.bin", "\u0664"), "expected a whole number"),
        (("plain.bin", "9" * 30), "expected a whole number"),
        (("plain.bin", "0", "nan"), "length 'nan', expected a whole number"),
        (("plain.bin", "0", "40"), "40 bytes of external data, expected 48"),
        (("plain.bin", "4", "48"), "external data up to byte 52 of a file of 48"),
        (("plain.bin", "9223372036854775807"), "of a file of 48"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refused(path: Path, where: Any, complaint: str) -> None:
    fails(path, outside(*where), complaint)


def test_a_file_is_read_once(path: Path) -> None:
    w = outside("plain.bin").graph.initializer[0]
    others = [onnx.TensorProto.FromString(w.SerializeToString()) for _ in range(3)]
    for i, tensor in enumerate(others):
        tensor.name, tensor.external_data[0].value = f"w{i}", f"{'./' * (i + 1)}plain.bin"
    model = model_of(
        [node("Add", "w0 w1", "s"), node("Add", "s w2", "t"), node("MatMul", "x t", "y")],
        {tensor.name: tensor for tensor in others},
    )
    fails(path, model, "'w1' has external data that together are more than the 48 bytes of '././plain.bin'")
    half = [outside("plain.bin", str(start), "24").graph.initializer[0] for start in (0, 24)]
    for name, tensor in zip("vw", half, strict=True):
        tensor.name, tensor.dims[:] = name, (2, 3)
    model = model_of(
        [node("Concat", "v w", "u", axis=0), node("MatMul", "x u", "y")], {t.name: t for t in half}
    )
    assert same_bits(read(path, model).layers[0].weight, W.T)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links want rights there")
def test_no_link_leads_out(path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret.bin").write_bytes(W.tobytes())
    (path.parent / "file").symlink_to(elsewhere / "secret.bin")
    (path.parent / "folder").symlink_to(elsewhere)
    (path.parent / "inside").symlink_to("plain.bin")
    (path.parent / "loop").symlink_to("loop")
    fails(path, outside("file"), "expected a file in the model's folder")
    fails(path, outside("folder/secret.bin"), "expected a file in the model's folder")
    fails(path, outside("loop"), "which can't be read")
    assert read(path, outside("inside")).n_outputs == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_no_pipe_is_waited_for(path: Path) -> None:
    os.mkfifo(path.parent / "pipe")
    fails(path, outside("pipe"), "expected a file in the model's folder")
