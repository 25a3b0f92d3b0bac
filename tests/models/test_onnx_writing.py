"""ONNX files that fastnn writes: read again, run by ONNX Runtime, and from the shell."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_peers import B, W, X, normal, onnx, run
from support import every_dtype, output_of, same_bits

import fastnn
from fastnn import Dense, Network
from fastnn.activations import NAMES
from fastnn.cli import main

FLOAT = onnx.TensorProto.FLOAT

# What ONNX Runtime has no kernel for; hard_swish is hard_sigmoid to it, and gelu is Erf.
LACKING_IN_FLOAT64 = (
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "hard_swish",
)


def network(names: list[str], dtype: Any = np.float32, width: int = 5) -> Network:
    """Return a network with a layer for each activation."""
    layers = []
    for i, name in enumerate(names):
        weight, bias = normal(width, width, dtype=dtype), normal(width, dtype=dtype)
        layers.append(Dense(weight + dtype(i), None if i % 3 == 2 else bias, name))
    return Network(layers)


PARAMETERS = ["leaky_relu(0.2)", "clip(-1.5, 0.1)", "hard_sigmoid(0.25, 0.5)", "elu(0.7)"]


class TestWriting:
    @every_dtype
    @pytest.mark.parametrize("name", [*NAMES, *PARAMETERS])
    def test_every_activation_comes_back(self, path: Path, name: str, dtype: np.dtype[Any]) -> None:
        net = network([name, name], dtype.type)
        net.to_onnx(path)
        again = fastnn.from_onnx(path)
        assert again == net
        assert fastnn.open_model(path) == net
        for a, b in zip(again.layers, net.layers, strict=True):
            assert same_bits(a.weight, b.weight)
            assert (a.bias is None) == (b.bias is None)

    def test_all_in_one(self, path: Path) -> None:
        net = network([*NAMES, *PARAMETERS, "identity", "identity"])
        net.to_onnx(path)
        assert fastnn.from_onnx(path) == net

    @pytest.mark.parametrize("name", [*NAMES, *PARAMETERS])
    def test_onnx_runtime_agrees(self, path: Path, name: str) -> None:
        net = Network([Dense(2 * W.T, B, name), Dense(normal(2, 3))])
        net.to_onnx(path)
        np.testing.assert_allclose(run(path, X), net(X), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("name", NAMES)
    def test_onnx_runtime_agrees_in_float64(self, path: Path, name: str) -> None:
        net = Network([Dense(2 * W.T.astype(np.float64), B, name)])
        net.to_onnx(path)
        if name in LACKING_IN_FLOAT64:
            with pytest.raises(Exception, match="Could not find an implementation"):
                run(path, X)
        else:
            # In gelu_tanh, ONNX Runtime's constants are float32.
            limit = 2e-8 if name == "gelu_tanh" else 1e-14
            np.testing.assert_allclose(run(path, X), net(X), rtol=1e-12, atol=limit)

    @pytest.mark.parametrize("widths", [(1, 1), (3, 0), (0, 4), (784, 128, 10)], ids=str)
    def test_any_width(self, path: Path, widths: tuple[int, ...]) -> None:
        net = Network([Dense(normal(after, before)) for before, after in pairwise(widths)])
        net.to_onnx(path)
        assert fastnn.from_onnx(path) == net

    def test_odd_numbers(self, path: Path) -> None:
        net = Network([Dense([[np.nan, -0.0], [np.inf, 5e-324]]), Dense([[1.0, -np.inf]], [-0.0])])
        net.to_onnx(path)
        again = fastnn.from_onnx(str(path))
        for a, b in zip(again.layers, net.layers, strict=True):
            assert same_bits(a.weight, b.weight)
        assert same_bits(again.layers[1].bias, net.layers[1].bias)

    def test_what_onnx_thinks_of_it(self, path: Path) -> None:
        network([*NAMES]).to_onnx(path)
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
        assert (model.ir_version, model.producer_name) == (9, "fastnn")
        (given,), (made,) = model.graph.input, model.graph.output
        assert (given.name, made.name) == ("x", "y")
        assert [entry.type.tensor_type.shape.dim[0].dim_param for entry in (given, made)] == ["N", "N"]

    def test_same_bytes_every_time(self, path: Path) -> None:
        network([*NAMES]).to_onnx(path)
        first = path.read_bytes()
        network([*NAMES]).to_onnx(path)
        assert path.read_bytes() == first

    def test_another_suffix(self, path: Path) -> None:
        message = r"net\.safetensors', expected a name of a \.onnx file: for \.safetensors see Network\.save$"
        with pytest.raises(ValueError, match=message):
            network(["relu"]).to_onnx(path.with_name("net.safetensors"))
        assert os.listdir(path.parent) == []

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_the_old_file_stays(self, path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: Any) -> None:
            raise OSError(28, "No space left on device")

        network(["relu"]).to_onnx(path)
        before = path.read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, step, fail)
            with pytest.raises(OSError, match="No space left"):
                network(["tanh"]).to_onnx(path)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_more_than_a_file_can_hold(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fastnn.formats.onnx.write.MAX_BYTES", 100)
        with pytest.raises(ValueError, match="parameters have 120 bytes, but an ONNX file has 100 at most"):
            network(["relu"]).to_onnx(path)
        assert not path.exists()

    @pytest.mark.parametrize(
        ("name", "dtype"), [("clip(0, 1e300)", "float32"), ("leaky_relu(1e300)", "float64")]
    )
    def test_parameters_that_onnx_cannot_hold(self, path: Path, name: str, dtype: str) -> None:
        net = Network([Dense([[1.0]], activation=name)], dtype)
        with pytest.raises(
            ValueError, match=r"layers\[0\] has activation .*1e\+300\), beyond ONNX's float32"
        ):
            net.to_onnx(path)
        assert not path.exists()

    def test_from_the_shell(self, path: Path) -> None:
        net = network(["relu", "softmax"])
        native, again = path.with_suffix(".safetensors"), path.with_name("again.safetensors")
        net.save(native)
        assert main(["convert", str(native), str(path)]) == 0
        assert main(["convert", str(path), str(again)]) == 0
        assert fastnn.load(again) == net

    def test_convert_what_onnx_cannot_hold(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        native = tmp_path / "net.safetensors"
        Network([Dense(np.ones((1, 2)), None, "leaky_relu(1e300)")]).save(native)
        assert main(["convert", str(native), str(tmp_path / "net.onnx")]) == 1
        assert "beyond ONNX's float32" in capsys.readouterr().err

    def test_predictions_from_the_shell(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        net = network(["relu", "softmax"])
        net.to_onnx(path)
        x, y = path.with_name("x.npy"), path.with_name("y.npy")
        np.save(x, normal(7, 5))
        assert main(["predict", str(path), str(x), "-o", str(y), "--quiet"]) == 0
        assert same_bits(np.load(y), net(normal(7, 5)))
        capsys.readouterr()
        assert main(["summary", str(path)]) == 0
        assert capsys.readouterr().out == f"{net.summary()}\n"

    def test_a_damaged_file_from_the_shell(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        network(["relu"]).to_onnx(path)
        path.write_bytes(path.read_bytes()[:-20])
        assert main(["summary", str(path)]) == 1
        assert str(path) in capsys.readouterr().err

    def test_no_onnx(self, path: Path) -> None:
        code = """
import sys
sys.modules["onnx"] = None
import fastnn
try:
    fastnn.Network([fastnn.Dense([[1.0]])]).to_onnx(sys.argv[1])
except ImportError as error:
    print(error)
"""
        assert output_of(code, str(path)) == "Writing an ONNX model needs onnx: pip install onnx\n"
        assert not path.exists()
