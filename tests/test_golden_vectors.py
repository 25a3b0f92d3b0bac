"""Golden vectors: outputs that a file keeps, and the loaded network must give."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import FUSED_ISAS, ISAS, every_dtype, output_of, write_safetensors

import fastnn
from fastnn import Dense, ModelFileError, Network
from fastnn.formats import tensors

RNG = np.random.default_rng(0)
LAYERS = [
    Dense(RNG.standard_normal((30, 20)) / 5, RNG.standard_normal(30), "tanh"),
    Dense(RNG.standard_normal((6, 30)) / 5, RNG.standard_normal(6), "softmax"),
]
X = RNG.standard_normal((4, 20))

SAVE = """
import sys, fastnn
net = fastnn.load(sys.argv[1])
net.save(sys.argv[2], golden=[[0.25 * i - 2 for i in range(net.n_inputs)]])
"""
LOAD = "import sys, fastnn; print(fastnn.load(sys.argv[1]).n_outputs)"


compares_bits = pytest.mark.skipif(
    fastnn.isa() not in FUSED_ISAS, reason="bits are compared with fused multiply-add"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the description in a file's metadata, in place."""
    metadata, arrays = tensors.read(path)
    description = json.loads(metadata["fastnn"])
    edit(description)
    write_safetensors(path, arrays, {**metadata, "fastnn": json.dumps(description)})


def nudge(golden: dict[str, Any], dtype: Any, steps: float) -> None:
    """Move an output by a few of its roundings."""
    outputs = np.frombuffer(base64.b64decode(golden["outputs"]["data"]), dtype).copy()
    outputs[3] += steps * np.spacing(outputs[3])
    golden["outputs"]["data"] = base64.b64encode(outputs.tobytes()).decode()


def negate(golden: dict[str, Any], dtype: Any) -> None:
    """Change the sign of each NaN among the outputs."""
    outputs = np.frombuffer(base64.b64decode(golden["outputs"]["data"]), dtype)
    assert np.isnan(outputs).any()
    outputs = np.where(np.isnan(outputs), -outputs, outputs)
    golden["outputs"]["data"] = base64.b64encode(outputs.tobytes()).decode()


@every_dtype
class TestKept:
    def test_they_are_found_again(self, path: Path, dtype: Any) -> None:
        net = Network(LAYERS, dtype)
        for golden in (X, X[0], X.astype("float16"), X.tolist(), [[3] * 20]):
            net.save(path, golden=golden)
            assert fastnn.load(path) == fastnn.open_model(path) == net
        plain = path.with_name("plain.safetensors")
        net.save(plain)
        _, arrays = tensors.read(path)
        assert sorted(arrays) == sorted(tensors.read(plain)[1]), "no tensor is added"

    def test_nan_and_infinities(self, path: Path, dtype: Any) -> None:
        net = Network([Dense(np.array([[1.0, -np.inf], [np.nan, 1.0]], dtype), activation="relu")])
        net.save(path, golden=[[0.0, 1.0], [np.inf, -1.0], [np.nan, 0.0]])
        assert fastnn.load(path).n_outputs == 2
        change(path, lambda about: negate(about["golden"], dtype))
        assert fastnn.load(path).n_outputs == 2, "a NaN's sign is no part of a result"
        change(path, lambda about: about["golden"].update(fused=False))
        assert fastnn.load(path).n_outputs == 2

    def test_damaged_weights(self, path: Path, dtype: Any) -> None:
        Network(LAYERS, dtype).save(path, golden=X)
        data = bytearray(path.read_bytes())
        start = 8 + int.from_bytes(data[:8], "little")
        for position in (
            RNG.integers(start, len(data), 100) // 8 * 8 + 7
        ):  # signs and exponents, on any machine
            damaged = data.copy()
            damaged[position] ^= 0x40
            path.write_bytes(damaged)
            with pytest.raises(ModelFileError, match=r"is damaged: output \d of golden example"):
                fastnn.load(path)

    @compares_bits
    def test_one_rounding_is_damage(self, path: Path, dtype: Any) -> None:
        Network(LAYERS, dtype).save(path, golden=X)
        change(path, lambda about: nudge(about["golden"], dtype, 1))
        with pytest.raises(ModelFileError, match="output 3 of golden example 0"):
            fastnn.load(path)

    @pytest.mark.parametrize("other", [{"fused": False}, {"fastnn": "0.0.1"}], ids=str)
    def test_half_of_the_digits_otherwise(self, path: Path, dtype: Any, other: dict[str, Any]) -> None:
        Network(LAYERS, dtype).save(path, golden=X)
        change(path, lambda about: about["golden"].update(other))
        change(path, lambda about: nudge(about["golden"], dtype, 100))
        assert fastnn.load(path).n_inputs == 20
        change(path, lambda about: nudge(about["golden"], dtype, 100 / np.sqrt(np.finfo(dtype).eps)))
        with pytest.raises(ModelFileError, match="output 3 of golden example 0"):
            fastnn.load(path)


@pytest.mark.parametrize("writer", ISAS)
def test_every_instruction_set_reads_what_every_other_wrote(path: Path, writer: str) -> None:
    Network(LAYERS, "float32").save(path)
    written = path.with_name("golden.safetensors")
    assert output_of(SAVE, str(path), str(written), FASTNN_ISA=writer) == ""
    for reader in ISAS:
        assert output_of(LOAD, str(written), FASTNN_ISA=reader) == "6\n"


@pytest.mark.parametrize(
    ("golden", "error", "message"),
    [
        (np.ones((2, 19)), ValueError, r"golden has shape \(2, 19\), expected \(20,\) or \(k, 20\)"),
        (np.ones((2, 2, 20)), ValueError, r"golden has shape \(2, 2, 20\)"),
        (np.ones((0, 20)), ValueError, "golden has 0 examples"),
        (np.ones((1001, 20)), ValueError, "golden has 1001 examples.*expected 1 to 1000"),
        ("abc", TypeError, "golden has dtype"),
        ([[1], [2, 3]], ValueError, "golden can't be made an array"),
    ],
    ids=["width", "rank", "none", "many", "text", "ragged"],
)
def test_what_cannot_be_golden(path: Path, golden: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Network(LAYERS).save(path, golden=golden)
    assert not path.exists()


def test_numbers_beyond_float32_whatever_numpy_is_told(path: Path) -> None:
    net = Network([Dense(np.ones((2, 3), np.float32))])
    with np.errstate(all="raise"):
        net.save(path, golden=[1e300, 1e-300, 1.0])
        assert fastnn.load(path) == net


def test_too_large_to_be_golden(path: Path) -> None:
    net = Network([Dense(np.ones((1, 70_000)))])
    with pytest.raises(ValueError, match="golden has 2 examples, 1120016 bytes with their outputs"):
        net.save(path, golden=np.ones((2, 70_000)))


def shaped(name: str, shape: Any) -> Callable[[dict[str, Any]], object]:
    return lambda about: about["golden"][name].update(shape=shape)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda about: about.update(golden=[]), "golden inputs is None, expected a dict"),
        (lambda about: about.update(golden=3), "golden inputs is None, expected a dict"),
        (lambda about: about["golden"].pop("outputs"), "golden outputs is None"),
        (lambda about: about["golden"].update(inputs=[1.0]), r"golden inputs is \[1.0\], expected a dict"),
        (lambda about: about["golden"]["inputs"].update(data=7), "golden data is 7, expected a str"),
        (lambda about: about["golden"]["inputs"].update(data="=="), "isn't base64"),
        (lambda about: about["golden"]["inputs"].update(data="é"), "isn't base64"),
        (
            lambda about: about["golden"]["inputs"].update(data="AAAA"),
            r"inputs has shape \[4, 20\] and 3 bytes",
        ),
        (shaped("inputs", [4, 19]), r"inputs has shape \[4, 19\] and 640 bytes"),
        (shaped("inputs", [4.0, 20]), r"inputs has shape \[4.0, 20\]"),
        (shaped("inputs", [4, 20.0]), r"inputs has shape \[4, 20.0\]"),
        (shaped("inputs", [True, 20]), r"inputs has shape \[True, 20\]"),
        (shaped("inputs", []), r"inputs has shape \[\]"),
        (shaped("inputs", [-4, -20]), r"inputs has shape \[-4, -20\]"),
        (shaped("outputs", [2**64, 6]), "outputs has shape"),
        (lambda about: about["golden"].update(fused="yes"), "golden fused is 'yes', expected a bool"),
        (lambda about: about["golden"].update(fastnn=1), "golden fastnn is 1, expected a str"),
        (
            lambda about: about["golden"]["outputs"].update(
                shape=[1, 6], data=base64.b64encode(bytes(48)).decode()
            ),
            "has 4 golden inputs, but 1 outputs",
        ),
    ],
)
def test_hostile_metadata(path: Path, edit: Callable[[dict[str, Any]], object], complaint: str) -> None:
    Network(LAYERS).save(path, golden=X)
    change(path, edit)
    with pytest.raises(ModelFileError, match=complaint):
        fastnn.load(path)


def test_no_rows_without_bytes(path: Path) -> None:
    Network([Dense(np.ones((0, 0)))]).save(path, golden=np.ones((1, 0)))
    assert fastnn.load(path).n_inputs == 0
    for name in ("inputs", "outputs"):
        change(path, shaped(name, [10**12, 0]))
    with pytest.raises(ModelFileError, match="k from 1 to 1000"):
        fastnn.load(path)


@compares_bits
def test_any_bit_of_a_small_file(path: Path) -> None:
    net = Network([Dense([[1.5]])])
    net.save(path, golden=[1.0])
    data = path.read_bytes()
    refused = 0
    for i in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[i // 8] ^= 1 << i % 8
        path.write_bytes(damaged)
        try:
            assert fastnn.load(path) == net, f"bit {i % 8} of byte {i // 8}"
        except ModelFileError:
            refused += 1
    # The rest is in white space, in the word "pt", or in the name under which the golden vectors are found.
    assert refused > 0.9 * 8 * len(data)
