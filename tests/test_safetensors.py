"""Files beside the library of the format: it reads what fastnn writes, fastnn what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import every_dtype, needs, random_layers, same_bits, write_safetensors

import fastnn
from fastnn import Dense, Network
from fastnn.formats import tensors

library = needs("safetensors")
numpy_library = needs("safetensors.numpy")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


@every_dtype
@pytest.mark.parametrize("widths", [(5, 4, 3), (1, 1), (3, 0), (0, 4), (2,) * 14], ids=str)
def test_it_reads_a_network(path: Path, dtype: Any, widths: tuple[int, ...]) -> None:
    layers = random_layers(widths, ["relu"] * (len(widths) - 1), dtype)
    net = Network([Dense(weight, bias, str(activation)) for weight, bias, activation in layers], dtype)
    net.save(path)
    with library.safe_open(path, "numpy") as file:
        metadata = file.metadata()
        names = file.keys()
        arrays = {name: file.get_tensor(name) for name in names}
    assert metadata["format"] == "pt"
    assert len(json.loads(metadata["fastnn"])["layers"]) == len(layers)
    assert sorted(arrays) == sorted(
        f"{2 * i}.{kind}" for i in range(len(layers)) for kind in ("weight", "bias")
    )
    for i, layer in enumerate(net.layers):
        assert same_bits(arrays[f"{2 * i}.weight"], layer.weight)
        assert layer.bias is not None
        assert same_bits(arrays[f"{2 * i}.bias"], layer.bias)


def test_the_numbers_stand_as_it_writes_them(path: Path) -> None:
    net = Network([Dense(np.full((3, 3), float(i)), [1.0, 2.0, i], "tanh") for i in range(12)])
    net.save(path)
    ours = path.read_bytes()
    arrays = numpy_library.load(ours)
    theirs = numpy_library.save(arrays, {"format": "pt"})
    assert behind_the_header(ours) == behind_the_header(theirs)


def behind_the_header(data: bytes) -> bytes:
    return data[8 + int.from_bytes(data[:8], "little") :]


KINDS = [dtype for name, dtype in tensors.DTYPES.items() if name not in ("BF16", "C64")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)], ids=str)
def test_it_reads_every_kind(path: Path, kind: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    write_safetensors(path, {"a": array, "b": array.T}, {"\N{SNOWMAN}": "\N{SNOWMAN}"})
    found = numpy_library.load_file(path)
    assert same_bits(found["a"], array)
    assert same_bits(found["b"], np.ascontiguousarray(array.T).reshape(array.T.shape))


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_what_it_writes_is_read(path: Path, kind: str) -> None:
    # Of several kinds, so that the numbers aren't in the order of names.
    arrays = {"fc.weight": np.arange(6).reshape(2, 3).astype(kind), "fc.bias": np.ones(2, "float32")}
    numpy_library.save_file(arrays, path, {"made": "\N{SNOWMAN}"})
    metadata, found = tensors.read(path)
    assert metadata == {"made": "\N{SNOWMAN}"}
    assert all(same_bits(found[name], arrays[name]) for name in arrays)
    assert fastnn.from_torch(path, ["relu"]).n_inputs == 3
