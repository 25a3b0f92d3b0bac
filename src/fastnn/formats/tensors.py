"""The tensors of a safetensors file, of which nothing is taken on trust."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from fastnn.formats.files import ModelFileError, open_file, parse_json, shown

Array = np.ndarray[Any, Any]

# A header has some 100 bytes for each tensor. Parsed, it can take 40 times its size.
MAX_HEADER = 2 << 20

# What only a batch normalisation has; where it stands, and its epsilon, are not in a state dict.
BATCH_NORM = ("running_mean", "running_var", "num_batches_tracked")


def read(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, Array]]:
    """Return the metadata and the tensors of a file: floating-point numbers, bfloat16 as float32."""
    import safetensors

    path = os.fsdecode(path)
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        header = read_header(path, file, size)
        try:
            refuse_batch_norm(header)
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from error
        data = file.tell()
        tensors = {}
        try:
            with safetensors.safe_open(path, framework="numpy") as opened:
                metadata = opened.metadata() or {}
                for name in opened.keys():  # noqa: SIM118
                    # From here on the header has been found consistent with itself and the file.
                    if header[name]["dtype"] == "BF16":
                        tensors[name] = read_bfloat16(file, data, header[name])
                    else:
                        tensors[name] = opened.get_tensor(name)
        except (
            safetensors.SafetensorError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            MemoryError,
        ) as error:
            raise ModelFileError(f"{path} is no sound safetensors file: {error!s:.300}") from error
    for name, tensor in tensors.items():
        # Without elements, any length fits in a file.
        if tensor.dtype.kind != "f" or max(tensor.shape, default=0) > size:
            raise ModelFileError(
                f"{path}: {name:.80} has dtype {tensor.dtype} and shape {tensor.shape}, "
                f"expected floating-point numbers, no more than fit in {size} bytes"
            )
    return metadata, tensors


def read_header(path: str, file: BinaryIO, size: int) -> dict[str, Any]:
    """Return a file's header, in which no name may stand twice: the library doesn't mind."""
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


def refuse_batch_norm(names: Iterable[object]) -> None:
    """Raise if a state dict with such names has a batch normalisation."""
    for name in names:
        if str(name).rpartition(".")[2] in BATCH_NORM:
            raise ValueError(
                f"{name!s:.80} is of a batch normalisation, which a state dict says too little of: "
                "pass the module itself to fastnn.from_torch"
            )


def read_bfloat16(file: BinaryIO, data: int, about: dict[str, Any]) -> Array:
    """Return a tensor of bfloat16, which NumPy lacks: upper halves of float32s. The data begin at `data`."""
    begin, end = about["data_offsets"]
    file.seek(data + begin)
    halves = np.frombuffer(file.read(end - begin), "<u2")
    return (halves.astype(np.uint32) << 16).view(np.float32).reshape(about["shape"])
