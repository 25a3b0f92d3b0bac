"""What opens a model file of any format, and what says which package is missing."""

from __future__ import annotations

import errno
import os
import pickle
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import Dense, ModelFileError, Network
from fastnn.extras import need

needs_h5py, needs_onnx = (
    pytest.mark.skipif(find_spec(package) is None, reason=f"{package} isn't installed")
    for package in ("h5py", "onnx")
)

NET = Network([Dense([[0.5, -0.25], [1.0, 2.0]], [0.1, -0.1], "relu"), Dense([[1.0, -1.0]])])


@pytest.mark.parametrize("name", ["net.safetensors", "net", "net.onnx", "net.pkl"])
def test_a_native_file_by_its_content(tmp_path: Path, name: str) -> None:
    NET.save(tmp_path / "saved")
    (tmp_path / "saved").rename(tmp_path / name)
    assert fastnn.open_model(tmp_path / name) == fastnn.open_model(str(tmp_path / name)) == NET


@pytest.mark.parametrize("start", [b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5", b"PK"])
def test_a_safetensors_file_that_starts_like_another(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "net.safetensors"
    NET.save(path)
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = data[8:begin].ljust(int.from_bytes(start, "little"))
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[begin:])
    assert path.read_bytes().startswith(start)
    assert fastnn.open_model(path) == fastnn.load(path) == NET
    with pytest.raises(ModelFileError, match="is fastnn's and says its activations itself"):
        fastnn.from_torch(path, "relu")


def test_a_damaged_native_file_by_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "net.SAFETENSORS"
    path.write_bytes(b"damaged")
    with pytest.raises(ModelFileError, match="no sound safetensors file"):
        fastnn.open_model(path)


@pytest.mark.parametrize("name", ["net.safetensors", "net.keras", "net.onnx", "net"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    for read in (fastnn.open_model, fastnn.load, fastnn.from_torch, fastnn.from_keras, fastnn.from_onnx):
        with pytest.raises(ModelFileError, match=f"{name} is empty, expected a model$"):
            read(path)


@pytest.mark.parametrize("call", [fastnn.open_model, fastnn.load, NET.save])
def test_what_is_no_path(call: Callable[[Any], object]) -> None:
    for value in (3, None, ["net.safetensors"]):
        message = f"^path has type {type(value).__name__}, expected a str or path-like$"
        with pytest.raises(TypeError, match=message):
            call(value)


@pytest.mark.parametrize("name", ["net\0", "net\ud800"], ids=ascii)
@pytest.mark.parametrize(
    "read", [fastnn.open_model, fastnn.load, fastnn.from_torch, fastnn.from_keras, fastnn.from_onnx]
)
def test_names_that_no_file_can_have(read: Callable[[Any], object], name: str) -> None:
    with pytest.raises(ValueError, match=r"null|surrogates"):
        read(name)
    assert "no file can have that name" in " ".join((read.__doc__ or "").split())


@pytest.mark.parametrize("protocol", range(2, 6))
def test_no_pickle_is_opened(tmp_path: Path, protocol: int) -> None:
    for name in ("net.safetensors", "net.pkl"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(NET, protocol))
        with pytest.raises(ModelFileError, match=f"{name} is a pickle, which could run any code"):
            fastnn.open_model(path)


def test_another_file(tmp_path: Path) -> None:
    path = tmp_path / "net.csv"
    path.write_text("1,2,3,4,5,6,7,8\n")
    with pytest.raises(ModelFileError, match=r"net\.csv is of another format, expected safetensors or keras"):
        fastnn.open_model(path)
    for read, expected in (
        (fastnn.load, "safetensors"),
        (fastnn.from_torch, "safetensors"),
        (fastnn.from_keras, "keras"),
    ):
        with pytest.raises(ModelFileError, match=rf"net\.csv is of another format, expected {expected}$"):
            read(path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        fastnn.open_model(tmp_path / "nothing.safetensors")
    with pytest.raises(OSError, match=tmp_path.name):
        fastnn.open_model(tmp_path)


def test_a_file_of_another_reader(tmp_path: Path) -> None:
    NET.save(tmp_path / "net.safetensors")
    (tmp_path / "net.keras").write_bytes(b"PK")
    (tmp_path / "net.onnx").write_bytes(b"\x08\x09")
    for read, kind, others in (
        (fastnn.load, "safetensors", ("keras", "onnx")),
        (fastnn.from_torch, "safetensors", ("keras", "onnx")),
        (fastnn.from_keras, "keras", ("safetensors", "onnx")),
        (fastnn.from_onnx, "onnx", ("safetensors", "keras")),
    ):
        for other in others:
            message = rf"net\.{other} looks like {other}, expected {kind}: fastnn\.open_model reads all"
            with pytest.raises(ModelFileError, match=message):
                read(tmp_path / f"net.{other}")


def test_a_file_is_looked_at_before_onnx_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FileNotFoundError, match="nothing"):
        fastnn.from_onnx(tmp_path / "nothing")
    for name in ("net.onnx", "net"):
        (tmp_path / name).write_bytes(b"\x08\x09")
        with pytest.raises(ImportError, match="Reading an ONNX model needs onnx"):
            fastnn.from_onnx(tmp_path / name)


@pytest.mark.parametrize(
    "read",
    [fastnn.open_model, fastnn.load, fastnn.from_torch, fastnn.from_keras, fastnn.from_onnx],
    ids=lambda read: read.__name__,
)
def test_rows_are_no_model(read: Callable[[Path], Network], tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.ones((3, 2)))
    with pytest.raises(ModelFileError, match=r"rows\.npy is a NumPy array, expected a model$"):
        read(tmp_path / "rows.npy")


READERS: list[Any] = [fastnn.open_model, fastnn.load, lambda path: fastnn.from_torch(path, "relu")]
READERS += [
    pytest.param(fastnn.from_keras, marks=needs_h5py),
    pytest.param(fastnn.from_onnx, marks=needs_onnx),
]


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_file_is_refused_at_once(read: Callable[[Path], Network], tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError if os.name == "posix" else OSError, match=tmp_path.name):
        read(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.onnx")
        for path in (tmp_path / "pipe.onnx", Path("/dev/zero")):
            with pytest.raises(ModelFileError, match=f"{path.name} is a pipe or a device, expected a file"):
                read(path)
        (tmp_path / "loop").symlink_to("loop")
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            read(tmp_path / "loop")


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ImportError, match="Reading maps needs maplib: pip install maplib") as caught:
        need("no_such_module.part", "Reading maps", package="maplib")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert need("os.path", "Anything") is sys.modules["os.path"]


def test_a_broken_package_speaks_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import a_part_of_it\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_part_of_it"):
        need("broken_package", "Anything")
