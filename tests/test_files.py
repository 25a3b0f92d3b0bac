"""Saving and loading: nothing lost, damaged files refused, an old file kept when a new one fails."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import (
    ACTIVATIONS,
    PEAK,
    every_dtype,
    on_linux,
    output_of,
    random_layers,
    same_bits,
    write_safetensors,
)

import fastnn
from fastnn import Dense, ModelFileError, Network
from fastnn.formats.tensors import read as read_tensors

NAMES = list(ACTIVATIONS)


def network(dtype: Any = np.float32, widths: tuple[int, ...] = (5, 4, 3, 2, 6, 1, 3)) -> Network:
    layers = random_layers(widths, [NAMES[i % len(NAMES)] for i in range(len(widths) - 1)], dtype)
    return Network([Dense(weight, bias, str(activation)) for weight, bias, activation in layers])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def metadata(*activations: str, **changes: Any) -> dict[str, str]:
    layers = [{"activation": name} for name in activations]
    return {"format": "pt", "fastnn": json.dumps({"schema": 1, "layers": layers, **changes})}


class TestRoundTrip:
    @every_dtype
    @pytest.mark.parametrize(
        "widths", [(5, 4, 3, 2, 6, 1, 3), (1, 1), (3, 0), (0, 4), (784, 128, 10)], ids=str
    )
    def test_all_bits(self, path: Path, dtype: np.dtype[Any], widths: tuple[int, ...]) -> None:
        net = network(dtype, widths)
        net.save(path)
        again = fastnn.load(path)
        assert again == net
        assert again.dtype == dtype
        for a, b in zip(again.layers, net.layers, strict=True):
            assert same_bits(a.weight, b.weight)
            assert same_bits(a.bias, b.bias)
            assert a.activation == b.activation
        x = np.random.default_rng(0).standard_normal((9, widths[0]))
        assert same_bits(again(x), net(x))

    def test_no_bias_and_odd_numbers(self, path: Path) -> None:
        net = Network([Dense([[np.nan, -0.0], [np.inf, 5e-324]]), Dense([[1.0, -np.inf]], [-0.0])])
        net.save(path)
        again = fastnn.load(path)
        assert again.layers[0].bias is None
        for a, b in zip(again.layers, net.layers, strict=True):
            assert same_bits(a.weight, b.weight)
        assert same_bits(again.layers[1].bias, net.layers[1].bias)

    def test_path_as_text_or_path(self, path: Path) -> None:
        network().save(str(path))
        assert fastnn.load(str(path)) == fastnn.load(path) == network()

    def test_same_bytes_every_time(self, path: Path) -> None:
        network().save(path)
        first = path.read_bytes()
        network().save(path)
        assert path.read_bytes() == first

    def test_the_bytes_of_the_file_that_comes_along(self, path: Path) -> None:
        shipped = (Path(fastnn.__file__).parent / "data" / "digits.safetensors").read_bytes()
        path.write_bytes(shipped)
        fastnn.load(path).save(path)
        assert path.read_bytes() == shipped

    @pytest.mark.parametrize("n_layers", range(1, 9))
    def test_numbers_are_aligned(self, path: Path, n_layers: int) -> None:
        network(widths=(3,) * (n_layers + 1)).save(path)
        assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0

    @pytest.mark.parametrize("wrong", [None, [[1.0]], np.eye(3, dtype=complex), np.eye(5)], ids=str)
    def test_a_subclass_that_lies_about_its_weight(self, path: Path, wrong: Any) -> None:
        class Layer(Dense):
            weight = property(lambda self: wrong)  # type: ignore[assignment]
            activation = property(lambda self: wrong)  # type: ignore[assignment]

        net = Network([Layer(np.arange(6.0).reshape(2, 3), [1.0, 2.0], "tanh")])
        net.save(path)
        assert fastnn.load(path) == Network([Dense(np.arange(6.0).reshape(2, 3), [1.0, 2.0], "tanh")])

    def test_names_are_those_of_torch(self, path: Path) -> None:
        net = network()
        net.save(path)
        _, tensors = read_tensors(path)
        assert sorted(tensors) == sorted(f"{2 * i}.{kind}" for i in range(6) for kind in ("weight", "bias"))
        assert same_bits(tensors["2.weight"], net.layers[1].weight)

    def test_the_file_outlives_the_network(self, path: Path) -> None:
        network().save(path)
        net = fastnn.load(path)
        path.write_bytes(b"gone")
        assert net == network()

    @on_linux
    def test_no_copy_of_the_weights_is_made(self, path: Path) -> None:
        code = """
import sys, numpy as np, fastnn
net = fastnn.Network([fastnn.Dense(np.ones((4000, 4000), np.float32))])
net.save(sys.argv[1])
begin()
before = peak()
net.save(sys.argv[1])
print(peak() - before)
"""
        assert int(output_of(PEAK + code, str(path))) < 8_000, "KiB, of weights of 64,000"


class TestDamaged:
    def refused(self, path: Path) -> str:
        with pytest.raises(ModelFileError) as caught:
            fastnn.load(path)
        message = str(caught.value)
        assert str(path) in message
        return message

    def test_is_a_value_error(self) -> None:
        assert issubclass(ModelFileError, ValueError)

    def test_truncated_anywhere(self, path: Path) -> None:
        network().save(path)
        data = path.read_bytes()
        for length in {*range(0, len(data), 13), *range(24), *range(len(data) - 9, len(data))}:
            path.write_bytes(data[:length])
            self.refused(path)

    def test_garbage(self, path: Path) -> None:
        rng = np.random.default_rng(0)
        header = b'{"a":' * 50_000
        for data in (
            *[b"", b"\0", b"{}", b"\0" * 8, b"\0" * 100, b"\xff" * 100, rng.bytes(5000)],
            *[len(header).to_bytes(8, "little") + header, (2).to_bytes(8, "little") + b"[]"],
            *[(4).to_bytes(8, "little") + b"null", (3).to_bytes(8, "little") + b"\xff\xfe\xfd"],
        ):
            path.write_bytes(data)
            self.refused(path)

    def test_any_wrong_byte_in_the_header(self, path: Path) -> None:
        network(widths=(2, 3)).save(path)
        data = bytearray(path.read_bytes())
        for i in range(8 + int.from_bytes(data[:8], "little")):
            damaged = data.copy()
            damaged[i] ^= 1 << (i % 8)
            path.write_bytes(damaged)
            try:
                net = fastnn.load(path)
            except ModelFileError:
                continue
            assert net.n_outputs > 0  # a harmless change, to white space for example

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (None, "has weights, but no activations"),
            ("{", "no JSON"),
            ("[" * 100_000, "no JSON: it has brackets in brackets, more than 100 deep"),
            ("7", "schema 7"),
            ('{"layers": []}', "schema None"),
            ('{"schema": 2, "layers": [{"activation": "relu"}]}', "schema 2"),
            ('{"schema": 1, "layers": []}', "no layers"),
            ('{"schema": 1, "layers": {"activation": "relu"}}', "no layers"),
            ('{"schema": 1, "layers": ["relu"]}', "layer 1: activation has type NoneType"),
            ('{"schema": 1, "layers": [{"activation": "mish"}]}', "layer 1: activation is 'mish'"),
            ('{"schema": 1, "layers": [{"activation": ["relu"]}]}', "layer 1: activation has type list"),
            ('{"schema": 1, "layers": [{"activation": {}}]}', "layer 1: activation has type dict"),
        ],
    )
    def test_description(self, path: Path, text: str | None, complaint: str) -> None:
        about = None if text is None else {"fastnn": text}
        write_safetensors(path, {"0.weight": np.ones((2, 2))}, about)
        assert complaint in self.refused(path)

    @pytest.mark.parametrize(
        ("shapes", "complaint"),
        [
            ({"0.bias": (2,)}, "no tensor 0.weight for layer 1"),
            ({"0.weight": (2, 2)}, "no tensor 2.weight for layer 2"),
            ({"0.weight": (2,), "2.weight": (2, 2)}, "layer 1: weight has shape (2,)"),
            ({"0.weight": (2, 2), "0.bias": (3,), "2.weight": (2, 2)}, "layer 1: bias has shape (3,)"),
            ({"0.weight": (2, 2), "2.weight": (2, 3)}, "layers[1] has weight (2, 3)"),
            (
                {"0.weight": (2, 2), "2.weight": (2, 2), "4.weight": (2, 2)},
                "belong to no layer: ['4.weight']",
            ),
            ({"0.weight": (2, 2), "2.weight": (2, 2), "extra": (1,)}, "belong to no layer: ['extra']"),
        ],
    )
    def test_tensors(self, path: Path, shapes: dict[str, tuple[int, ...]], complaint: str) -> None:
        tensors = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
        write_safetensors(path, tensors, metadata("relu", "softmax"))
        assert complaint in self.refused(path)

    def test_missing_file_or_folder(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"net\.safetensors"):
            fastnn.load(path)
        with pytest.raises(OSError, match=path.parent.name):
            fastnn.load(path.parent)


class TestSavingFails:
    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("net.onnx", ": for .onnx see Network.to_onnx"),
            ("net.KERAS", ": for .keras see Network.to_keras"),
            ("net.safetensors.h5", ": for .h5 see Network.to_keras"),
            ("net.pt", ": for .pt see Network.to_torch"),
        ],
    )
    def test_another_suffix(self, path: Path, name: str, hint: str) -> None:
        other = str(path.with_name(name))
        message = f"path is {other!r}, expected a name of a .safetensors file{hint}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            network().save(other)
        assert os.listdir(path.parent) == []

    def test_no_suffix_of_a_format(self, path: Path) -> None:
        for name in ("net", ".net", "net.SafeTensors", "net.v2"):
            network().save(path.with_name(name))
            assert fastnn.load(path.with_name(name)) == network()

    @pytest.mark.parametrize("step", ["fsync", "replace", "chmod" if sys.platform == "win32" else "fchmod"])
    def test_the_old_file_stays(self, path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: Any) -> None:
            raise OSError(28, "No space left on device")

        network().save(path)
        before = path.read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, step, fail)
            with pytest.raises(OSError, match="No space left"):
                network(np.float64).save(path)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on the size of files")
    def test_a_full_disk(self, path: Path) -> None:
        network().save(path)
        before = path.read_bytes()
        code = """
import resource, signal, sys
import fastnn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
net = fastnn.Network([fastnn.Dense([[1.0] * 5000])])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    net.save(sys.argv[1])
except OSError as error:
    print(type(error).__name__, error.filename)
"""
        assert output_of(code, str(path)) == f"OSError {path}\n"
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    @pytest.mark.parametrize(
        ("layers", "message"),
        [
            (
                [Dense([[1.0]], [0.0], "relu")] * 12_500,
                "has 12,500 layers.* bytes, expected at most 2,097,152$",
            ),
            ([Dense(np.ones((0, 1000)))], r"layers\[0\] has weight \(0, 1000\), but no elements"),
            (
                [Dense(np.ones((400, 30))), *[Dense(np.ones((0, 400))), Dense(np.ones((400, 0)))] * 2000],
                r"layers\[1\] has weight \(0, 400\), but no elements: with the other layers' lengths,",
            ),
        ],
        ids=["many layers", "no elements", "many without elements"],
    )
    def test_what_could_not_be_read(self, path: Path, layers: list[Dense], message: str) -> None:
        network().save(path)
        before = path.read_bytes()
        with pytest.raises(ValueError, match=message):
            Network(layers).save(path)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_as_many_layers_as_can_be_read(self, path: Path) -> None:
        net = Network([Dense([[1.0]], [0.0], "relu")] * 12_100)
        net.save(path)
        assert fastnn.load(path) == net

    @pytest.mark.parametrize("bias", [None, [0.5]])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_longest_layers_for_their_bytes(self, path: Path, bias: Any, dtype: Any) -> None:
        one = Dense(np.ones((1, 1), dtype), None if bias is None else dtype(bias))
        wide = [Dense(np.ones((900, 1), dtype), np.ones(900, dtype)), Dense(np.ones((1, 900), dtype))]
        empty = [Dense(np.ones((0, 1), dtype)), Dense(np.ones((1, 0), dtype), np.ones(1, dtype))]
        for layers in ([one], [one] * 3000, wide * 500, empty * 1500, [one, *wide, *empty] * 300):
            net = Network(layers)
            net.save(path)
            assert fastnn.load(path) == net

    def test_no_folder(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            network().save(path / "deeper" / "net")
        with pytest.raises(OSError, match=path.parent.name):
            network().save(path.parent)
        assert os.listdir(path.parent) == []
        assert [entry for entry in os.listdir(path.parent.parent) if path.parent.name in entry] == [
            path.parent.name
        ]

    @pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
    def test_mode(self, path: Path) -> None:
        mask = os.umask(0o027)
        try:
            network().save(path)
        finally:
            os.umask(mask)
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o604)
        network().save(path)
        assert path.stat().st_mode & 0o777 == 0o604


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_a_weight_of_another_kind(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "net.safetensors"
    description = {"schema": 1, "layers": [{"activation": "relu"}]}
    tensors = {"0.weight": np.ones((2, 3), dtype)}
    write_safetensors(path, tensors, {"format": "pt", "fastnn": json.dumps(description)})
    with pytest.raises(fastnn.ModelFileError, match=f"'0.weight' has dtype {dtype}"):
        fastnn.load(path)


def test_more_outputs_than_the_file_could_hold(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    header = {
        "__metadata__": {"fastnn": json.dumps({"schema": 1, "layers": [{"activation": "relu"}]})},
        "0.weight": {"dtype": "F32", "shape": [2**31, 0], "data_offsets": [0, 0]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(fastnn.ModelFileError, match="no more than fit"):
        fastnn.load(path)


def test_more_outputs_together_than_the_file_could_hold(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    shapes = [[0, 1000], [1000, 0]] * 100
    header: dict[str, Any] = {
        f"{2 * i}.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
        for i, shape in enumerate(shapes)
    }
    for description, read in (
        (metadata(*["relu"] * len(shapes)), fastnn.load),
        ({}, lambda path: fastnn.from_torch(path, "relu")),
    ):
        text = json.dumps({"__metadata__": description, **header}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        with pytest.raises(fastnn.ModelFileError, match=r"has shape \(0, 1000\).* no more than fit in"):
            read(path)
