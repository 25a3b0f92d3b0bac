"""The tensors of a safetensors file: eight bytes with the header's length, the header, and the numbers.

Of a file that is read nothing is taken on trust. The format is small and fixed, and the library safetensors,
beside which the tests read and write, has no wheels for free-threaded Pythons.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastnn.formats.files import ModelFileError, open_file, parse_json, shown

Array = np.ndarray[Any, Any]

# A header has some 100 bytes for each tensor. Parsed, it can take 40 times its size.
MAX_HEADER = 2 << 20

# The format's dtypes as NumPy's; of bfloat16, which NumPy lacks, the bits.
DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "?"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
}
NAMES = {np.dtype(dtype).str: name for name, dtype in DTYPES.items()}

# What only a batch normalisation has; where it stands, and its epsilon, are not in a state dict.
BATCH_NORM = ("running_mean", "running_var", "num_batches_tracked")


class Entry(NamedTuple):
    """What a header says of a tensor: where its bytes begin and end behind the header, and what they are."""

    begin: int
    end: int
    name: str
    dtype: str
    shape: list[int]


def read(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, Array]]:
    """Return the metadata and the tensors of a file: floating-point numbers, bfloat16 as float32.

    The file is opened once and never mapped: a process ends where one that it has mapped is cut short.
    """
    path = os.fsdecode(path)
    with open_file(path) as file:
        before = os.fstat(file.fileno())
        size = before.st_size
        header = read_header(path, file, size)
        try:
            refuse_batch_norm(header)
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from error
        try:
            metadata = metadata_of(header)
            tensors = read_tensors(file, header, size - file.tell())
        except (ValueError, OverflowError) as error:
            raise ModelFileError(f"{path} is no sound safetensors file: {error!s:.300}") from error
        after = os.fstat(file.fileno())
        if (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
            raise ModelFileError(f"{path} changed while it was read")
    for name, tensor in tensors.items():
        if tensor.dtype.kind != "f":
            raise ModelFileError(
                f"{path}: {shown(name)} has dtype {tensor.dtype} and shape {tensor.shape}, "
                "expected floating-point numbers"
            )
    longest = longest_of_too_long(tensors, size)
    if longest is not None:
        raise ModelFileError(
            f"{path}: {shown(longest)} has shape {tensors[longest].shape}, but no elements, "
            f"expected lengths of all tensors together of no more than fit in {size} bytes"
        )
    return metadata, tensors


def header_of(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Return a file's header, padded: the tensors follow it in the order of their names."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        begin, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": NAMES[tensor.dtype.newbyteorder("<").str],
            "shape": tensor.shape,
            "data_offsets": (begin, end),
        }
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def write(file: BinaryIO, header: bytes, tensors: Mapping[str, Array]) -> None:
    """Write the tensors, and before them their header."""
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for name in sorted(tensors):
        dtype = tensors[name].dtype.newbyteorder("<")
        file.write(np.ascontiguousarray(tensors[name], dtype).data)


def longest_of_too_long(tensors: Mapping[str, Array], size: int) -> str | None:
    """Return the longest tensor without elements, if all axes together are longer than a file has bytes.

    That takes such a tensor: no other's axes are longer than its numbers and its entry in the header.
    """
    if sum(sum(tensor.shape) for tensor in tensors.values()) <= size:
        return None
    return max(tensors, key=lambda name: (tensors[name].size == 0, sum(tensors[name].shape)))


def read_header(path: str, file: BinaryIO, size: int) -> dict[str, Any]:
    """Return a file's header, in which no name may stand twice."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(size - 8, MAX_HEADER):
        raise ModelFileError(
            f"{path} is no sound safetensors file: its header would have {length} bytes, "
            f"expected at most {MAX_HEADER} of the file's {size}"
        )
    header = parse_json(file.read(length), f"{path} is no sound safetensors file: its header")
    if not isinstance(header, dict):
        raise ModelFileError(f"{path} is no sound safetensors file: its header is {shown(header)}")
    return header


def metadata_of(header: dict[str, Any]) -> dict[str, str]:
    """Take the metadata out of a header; what is left in it are the tensors."""
    metadata = header.pop("__metadata__", None)
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"its metadata is {shown(metadata)}")
    return metadata


def read_tensors(file: BinaryIO, header: dict[str, Any], room: int) -> dict[str, Array]:
    """Return the tensors, which must fill the rest of a file, of `room` bytes, one after the other."""
    tensors = {}
    place = 0
    for begin, end, name, dtype, shape in sorted(entry(name, about) for name, about in header.items()):
        if not place == begin <= end <= room:
            raise ValueError(
                f"{shown(name)} has bytes {begin} to {end} of {room}, expected them to begin at {place}"
            )
        data = file.read(end - begin)
        if len(data) != end - begin:
            raise ValueError("it was cut short while it was read")
        array = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
        tensors[name] = widened(array) if dtype == "BF16" else array
        place = end
    if place != room:
        raise ValueError(f"its tensors have {place} bytes, but {room} are there")
    return tensors


def entry(name: str, about: object) -> Entry:
    """Return what a header says of a tensor, or raise unless it is of the right kind."""
    members: dict[str, Any] = about if isinstance(about, dict) else {}
    dtype, shape, offsets = members.get("dtype"), members.get("shape"), members.get("data_offsets")
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(offsets, list):
        raise ValueError(f"{shown(name)} is {shown(about)}")
    whole = all(type(n) is int and n >= 0 for n in (*shape, *offsets))
    if dtype not in DTYPES:
        raise ValueError(f"{shown(name)} has dtype {shown(dtype)}, expected one of {', '.join(DTYPES)}")
    if len(offsets) != 2 or not whole:
        raise ValueError(f"{shown(name)} is {shown(about)}")
    return Entry(offsets[0], offsets[1], name, dtype, shape)


def widened(halves: Array) -> Array:
    """Return numbers of bfloat16 as float32s, whose upper halves they are."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


def refuse_batch_norm(names: Iterable[object]) -> None:
    """Raise if a state dict with such names has a batch normalisation."""
    for name in names:
        if str(name).rpartition(".")[2] in BATCH_NORM:
            raise ValueError(
                f"{shown(name)} is of a batch normalisation, which a state dict says too little of: "
                "pass the module itself to fastnn.from_torch"
            )
