"""A ``.keras`` file, read without Keras: a zip file of the configuration in JSON and the weights in HDF5.

Nothing is unpacked, and nothing is read that could be more, or elsewhere, than it looks: compressed data,
links to other files, data that other files or plug-ins would have to provide.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from fastnn.extras import need
from fastnn.formats import keras
from fastnn.formats.files import ModelFileError, open_file, parse_json
from fastnn.layers import Dense

Array = np.ndarray[Any, Any]

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
MAX_CONFIG = 2 << 20  # parsed, it can take 40 times as much
MAX_DIRECTORY = 1 << 18
END = b"PK\5\6"  # of the 22 bytes that end a zip without a comment
LARGE_END = b"PK\6\7"  # before them in a zip over 4 GiB

# Of Keras's names for the classes whose variables are read.
IN_FILE = {
    "Dense": "dense",
    "BatchNormalization": "batch_normalization",
    "Normalization": "normalization",
    "Sequential": "sequential",
    "Functional": "functional",
}


def read(path: str | os.PathLike[str]) -> list[Dense]:
    """Return the dense layers of a ``.keras`` file."""
    h5py = need("h5py", "Reading a .keras file")
    path = os.fsdecode(path)
    config, weights = read_zip(path)
    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            return keras.read_config(config, Stored(h5py, file, Room(len(weights))))
    except (OSError, LookupError, RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise ModelFileError(f"{path}: {error!s:.400}") from error


def read_zip(path: str) -> tuple[Any, bytes]:
    """Return what the configuration says, and the file of weights."""
    with open_file(path) as file:
        check_end(path, file)
        try:
            with zipfile.ZipFile(file) as archive:
                text = stored(path, archive, CONFIG, MAX_CONFIG)
                weights = stored(path, archive, WEIGHTS, os.fstat(file.fileno()).st_size)
        except (OSError, RuntimeError, ValueError, LookupError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError(f"{path} is no sound zip file: {error!s:.300}") from error
    return parse_json(text, f"{path}: its {CONFIG}"), weights


def check_end(path: str, file: BinaryIO) -> None:
    """Raise unless the zip ends as Keras writes it, with a directory of few entries."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 42, 0))
    end = file.read()[-42:]
    if end[-22:-18] != END or end.startswith(LARGE_END):
        raise ModelFileError(
            f"{path} is no sound zip file, of at most 4 GiB and without a comment, as .keras files are"
        )
    directory = int.from_bytes(end[-10:-6], "little")
    if directory > MAX_DIRECTORY:
        raise ModelFileError(f"{path}: its directory has {directory} bytes, expected at most {MAX_DIRECTORY}")


def stored(path: str, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return a file of the archive, which isn't compressed and so no larger than it looks."""
    found = [entry for entry in archive.infolist() if entry.filename == name]
    if not found:
        raise ModelFileError(f"{path} is a zip file without a {name}, expected a .keras file of Keras 3")
    if len(found) > 1:
        raise ModelFileError(f"{path} has {len(found)} files called {name}, expected 1")
    (entry,) = found
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ModelFileError(f"{path}: its {name} is compressed, which Keras doesn't do")
    if entry.file_size > limit:
        raise ModelFileError(f"{path}: its {name} has {entry.file_size} bytes, expected at most {limit}")
    return archive.read(entry)


class Room:
    """What arrays may still be read from a file, which holds each once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._left = size

    def take(self, dataset: Any, path: str) -> None:
        """Take a dataset's bytes from what is left, or its axes' lengths, if it has no elements."""
        self._left -= max(dataset.nbytes, sum(dataset.shape))
        if self._left < 0:
            raise ValueError(
                f"{path} has shape {dataset.shape}: with all that was read before, it is more than fits in "
                f"{self.size} bytes"
            )


class Stored:
    """The variables of a layer, or of a model's layers, in an HDF5 group."""

    def __init__(self, h5py: Any, group: Any, room: Room, path: str = "") -> None:
        self.h5py = h5py
        self.group = group
        self.room = room
        self.path = path

    def child(self, name: str, kind: str, nth: int) -> Stored:
        """Return the group of a model's layer; groups are called after classes, and counted."""
        group = f"{IN_FILE.get(kind, kind)}_{nth}".removesuffix("_0")
        return Stored(self.h5py, self.group, self.room, f"{self.path}layers/{group}/")

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Return the names of a Sequential's layers: that one is used again is lost when Keras saves it."""
        return list(names)

    def arrays(self, count: int) -> list[Array]:
        """Return the layer's variables: they are called 0, 1, 2."""
        group = self.group
        steps = f"{self.path}vars".split("/")
        for i, step in enumerate(steps):
            group = self.linked(group, step, "/".join(steps[: i + 1]))
        if len(group) != count:
            raise ValueError(f"{'/'.join(steps)} has {len(group)} variables, expected {count}")
        return [self.array(group, str(i), f"{'/'.join(steps)}/{i}") for i in range(count)]

    def linked(self, group: Any, name: str, path: str) -> Any:
        """Return a member of a group, which must lie in this file."""
        if not isinstance(group, self.h5py.Group) or name not in group:
            raise ValueError(f"{path} is missing")
        if not isinstance(group.get(name, getlink=True), self.h5py.HardLink):
            raise ValueError(f"{path} is a link to elsewhere")
        return group[name]

    def array(self, group: Any, name: str, path: str) -> Array:
        """Return a dataset, which must be in one piece in this file."""
        dataset = self.linked(group, name, path)
        if not isinstance(dataset, self.h5py.Dataset):
            raise ValueError(f"{path} is no array")
        if dataset.dtype.kind not in "fiu" and not is_bfloat16(dataset):
            # Text and lists can be many times as long as what is stored.
            raise ValueError(f"{path} has dtype {dataset.dtype}, expected floating-point numbers")
        plain = dataset.chunks is None and dataset.external is None and not dataset.is_virtual
        if not plain or dataset.id.get_storage_size() != dataset.nbytes:
            raise ValueError(f"{path} isn't stored in one piece, of {dataset.nbytes} bytes")
        self.room.take(dataset, path)
        array: Array = np.asarray(dataset[()])
        if is_bfloat16(dataset):
            return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return array


def is_bfloat16(dataset: Any) -> bool:
    """Whether a dataset is of bfloat16, which Keras stores as bytes with a note."""
    noted = dataset.dtype == "V2" and "dtype" in dataset.attrs
    return noted and dataset.attrs.get_id("dtype").shape == () and dataset.attrs["dtype"] == "bfloat16"
