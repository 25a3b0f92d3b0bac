"""Tensors of an ONNX file as arrays: what a tensor says of itself is checked before it is believed."""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto

Array = np.ndarray[Any, Any]


MAX_AXES = 16  # no tensor of a multi-layer perceptron comes near


class Element(NamedTuple):
    """An element type: its name, how it lies in raw bytes, and the field that holds it otherwise."""

    name: str
    raw: str
    field: str


ELEMENTS = {
    TensorProto.FLOAT: Element("float32", "<f4", "float_data"),
    TensorProto.DOUBLE: Element("float64", "<f8", "double_data"),
    TensorProto.FLOAT16: Element("float16", "<f2", "int32_data"),
    TensorProto.BFLOAT16: Element("bfloat16", "<u2", "int32_data"),
    TensorProto.INT8: Element("int8", "<i1", "int32_data"),
    TensorProto.INT16: Element("int16", "<i2", "int32_data"),
    TensorProto.INT32: Element("int32", "<i4", "int32_data"),
    TensorProto.INT64: Element("int64", "<i8", "int64_data"),
    TensorProto.UINT8: Element("uint8", "<u1", "int32_data"),
    TensorProto.UINT16: Element("uint16", "<u2", "int32_data"),
    TensorProto.UINT32: Element("uint32", "<u4", "uint64_data"),
    TensorProto.UINT64: Element("uint64", "<u8", "uint64_data"),
    TensorProto.BOOL: Element("bool", "<u1", "int32_data"),
}

# How many bits a floating-point element has; a cast to more of them is exact.
FLOAT_BITS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}


def element(number: int) -> Element:
    """Return the element type of that number, or say that it holds no real numbers."""
    try:
        return ELEMENTS[number]
    except KeyError:
        known = number in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(number).lower() if known else f"number {number}"
        raise ValueError(f"element type {name}, expected real numbers") from None


def to_array(tensor: TensorProto, folder: Folder | None) -> Array:
    """Return a tensor as an array; bfloat16 becomes float32, which holds it exactly.

    External data is read from `folder`; None refuses it.
    """
    kind = element(tensor.data_type)
    shape = tuple(tensor.dims)
    if len(shape) > MAX_AXES:
        raise ValueError(f"{len(shape)} axes, expected {MAX_AXES} at most")
    if any(size < 0 for size in shape):
        raise ValueError(f"shape {shape}, which has a negative size")
    if tensor.HasField("segment"):
        raise ValueError("a segment of a tensor, expected whole tensors")
    count = math.prod(shape)
    if tensor.data_location == TensorProto.EXTERNAL:
        stored = from_bytes(external_bytes(tensor, kind, count, folder), kind, count)
    elif tensor.HasField("raw_data"):
        stored = from_bytes(tensor.raw_data, kind, count)
    else:
        stored = from_field(getattr(tensor, kind.field), kind, count)
    if kind.name == "bfloat16":
        stored = (stored.astype(np.uint32) << 16).view(np.float32)
    elif kind.name == "bool":
        stored = stored != 0
    return stored.reshape(shape)


def from_bytes(data: bytes, kind: Element, count: int) -> Array:
    """Return `count` numbers from their little-endian bytes."""
    dtype = np.dtype(kind.raw)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes of data, expected {count} numbers of {dtype.itemsize} bytes")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False)


def from_field(numbers: Any, kind: Element, count: int) -> Array:
    """Return `count` numbers from a repeated field, where small ones lie in wider ones."""
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers in {kind.field}, expected {count}")
    dtype = np.dtype(kind.raw).newbyteorder("=")
    if kind.name == "float16":
        return from_field(numbers, kind._replace(name="16 bits", raw="<u2"), count).view(np.float16)
    if dtype.kind in "iu" and count:
        limits = np.iinfo(dtype)
        if min(numbers) < limits.min or max(numbers) > limits.max:
            raise ValueError(f"numbers in {kind.field} that don't fit in {kind.name}")
    return np.array(numbers, dtype)


def external_bytes(tensor: TensorProto, kind: Element, count: int, folder: Folder | None) -> bytes:
    """Return a tensor's bytes from a file in the model's folder, nowhere else."""
    if folder is None:
        raise ValueError("its data in another file, which is read with external_data=True only")
    entries = {entry.key: entry.value for entry in tensor.external_data}
    size = count * np.dtype(kind.raw).itemsize
    offset = whole_number("offset", entries.get("offset", "0"))
    length = whole_number("length", entries.get("length", str(size)))
    if length != size:
        raise ValueError(f"{length} bytes of external data, expected {size}")
    return folder.read(entries.get("location", ""), offset, length)


class Folder:
    """A model's folder, with files of tensors' data: all data of a file together are no more than it has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unread: dict[Path, int] = {}  # bytes

    def read(self, location: Any, offset: int, length: int) -> bytes:
        """Return a piece of a file."""
        path = confined(self.path, location)
        with open(path, "rb") as file:
            available = os.fstat(file.fileno()).st_size
            if offset + length > available:
                raise ValueError(f"external data up to byte {offset + length} of a file of {available}")
            self.unread[path] = self.unread.get(path, available) - length
            if self.unread[path] < 0:
                raise ValueError(
                    f"external data that together are more than the {available} bytes of {location!r}"
                )
            file.seek(offset)
            return file.read(length)


def whole_number(name: str, text: Any) -> int:
    """Return a number that external data is described with."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"external data with {name} {text!r}, expected a whole number")
    return int(text)


def confined(folder: Path, location: Any) -> Path:
    """Return the file that external data names, if it lies in the model's folder and nothing leads out."""
    refused = f"external data in {location!r}, expected a file in the model's folder"
    if not isinstance(location, str) or not location or "\0" in location:
        raise ValueError(refused)
    for path in (PurePosixPath(location), PureWindowsPath(location)):
        if path.is_absolute() or path.drive or path.root or ".." in path.parts:
            raise ValueError(refused)
    try:
        found = (folder / location).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"external data in {location!r}, which can't be read: {error}") from None
    if not found.is_relative_to(folder.resolve()) or not found.is_file():
        raise ValueError(refused)
    return found
