"""NumPy's files: .npy mapped a block at a time, the arrays of an .npz one after the other, .npy written."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, NamedTuple

import numpy as np

from fastnn.formats.files import shown
from fastnn.predict.beside import Beside
from fastnn.predict.tables import Array, Block, DataFileError, Options, Table
from fastnn.predict.writers import Layout, Writer

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)

# What NumPy lets out of the parsers that it hands a header to.
UNSOUND = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    SyntaxError,
    tokenize.TokenError,
    MemoryError,
    RecursionError,
)
# Longer ones NumPy takes for hostile, but only when it has read them.
MAX_HEADER_BYTES = 10_000
# What a member of a zip file copies at once.
READ_BYTES = 2**20
# Of a request for more, Linux may do the beginning only: what the device reads at once.
ADVICE_BYTES = 2**21
# So that neither the disk nor the network waits for the other where they are about as fast.
BLOCKS_AHEAD = 2


class Header(NamedTuple):
    """What stands before the numbers."""

    shape: tuple[int, int]
    fortran_order: bool
    dtype: np.dtype[Any]
    size: int

    @property
    def row_bytes(self) -> int:
        """How many bytes a row has."""
        return self.shape[1] * self.dtype.itemsize

    @property
    def end(self) -> int:
        """How many bytes the file has at least."""
        return self.size + self.shape[0] * self.row_bytes


def read_header(file: IO[bytes], label: str, length: int) -> Header:
    """Read the header of a file of `length` bytes, which must hold all the rows that it promises."""
    start = io.BytesIO(file.read(MAX_HEADER_BYTES))
    try:
        version = np.lib.format.read_magic(start)
        if version not in HEADERS:
            raise ValueError(f"its version is {version}, expected one of {list(HEADERS)}")
        shape, fortran_order, dtype = HEADERS[version](start)
    except UNSOUND as error:
        raise DataFileError(f"{label} is no sound .npy file: {error}") from error
    if dtype.kind not in "biuf":
        raise DataFileError(f"{label} has dtype {dtype}, expected real numbers")
    if len(shape) != 2 or min(shape) < 0:
        raise DataFileError(f"{label} has shape {shape}, expected rows and columns")
    header = Header(shape, fortran_order, dtype, start.tell())
    if length < header.end:
        raise DataFileError(f"{label} has {length} bytes, but its header promises {header.end}")
    return header


class NpyTable(Table):
    """An .npy file."""

    def __init__(self, path: Path, header: Header) -> None:
        super().__init__(path, None, header.shape[1], header.shape[0])
        self.header = header

    def blocks(self, rows: int, columns: Sequence[int]) -> Iterator[Block]:
        """Yield blocks of rows; see `Table`."""
        with open(self.path, "rb") as file:
            yield from self.chosen(mapped(file, self.header, rows, self.label), columns)

    def chosen(self, arrays: Iterator[Array], columns: Sequence[int]) -> Iterator[Block]:
        """Yield the columns that are asked for of arrays with all."""
        first = 0
        for array in arrays:
            numbers = range(first, first + len(array))
            yield Block(array if self.whole(columns) else array[:, columns], numbers)
            first = numbers.stop


class MemberTable(NpyTable):
    """An array in an .npz file."""

    def __init__(self, path: Path, member: str, header: Header) -> None:
        super().__init__(path, header)
        self.member = member
        self.label = member_label(path, member)

    def blocks(self, rows: int, columns: Sequence[int]) -> Iterator[Block]:
        """Yield blocks of rows; see `Table`."""
        yield from self.chosen(self.arrays(rows), columns)

    def arrays(self, rows: int) -> Iterator[Array]:
        """Yield blocks of rows with all columns."""
        with zipfile.ZipFile(self.path) as archive, tempfile.TemporaryFile() as unpacked:
            try:
                with archive.open(self.member) as file:
                    if not self.header.fortran_order:
                        file.read(self.header.size)
                        yield from read(file, self.header, rows)
                        return
                    shutil.copyfileobj(file, unpacked)  # a row is all over the file
            except DAMAGED as error:
                raise DataFileError(f"{self.label} is damaged: {error}") from error
            unpacked.flush()
            yield from mapped(unpacked, self.header, rows, self.label)


def mapped(file: IO[bytes], header: Header, rows: int, label: str) -> Iterator[Array]:
    """Yield blocks of rows as they lie in a file.

    Each block is a mapping of its own. What was read through one mapping of the whole file would count as
    the process's memory until it ends; a buffer to read into would cost a copy.
    """
    n, width = header.shape
    order: Literal["F", "C"] = "F" if header.fortran_order else "C"
    asked = header.size + rows * header.row_bytes
    with Beside(BLOCKS_AHEAD) as reading:
        for start in range(0, n, rows):
            stop = min(start + rows, n)
            if width == 0:
                yield np.empty((stop - start, 0), header.dtype)
                continue
            try:
                whole = np.memmap(file, header.dtype, "r", header.size, header.shape, order)
            except ValueError as error:
                raise DataFileError(f"{label} was cut short while it was read: {error}") from error
            if not header.fortran_order:
                needed = min(header.size + (stop + BLOCKS_AHEAD * rows) * header.row_bytes, header.end)
                reading.do(partial(ask_for, file, asked, needed))
                asked = needed
            yield np.asarray(whole[start:stop])
            del whole


def ask_for(file: IO[bytes], start: int, stop: int) -> None:
    """Ask the system for bytes that will be needed, so that it reads while the network computes."""
    if hasattr(os, "posix_fadvise"):
        for piece in range(start, stop, ADVICE_BYTES):
            os.posix_fadvise(file.fileno(), piece, min(ADVICE_BYTES, stop - piece), os.POSIX_FADV_WILLNEED)


def read(file: IO[bytes], header: Header, rows: int) -> Iterator[Array]:
    """Yield blocks of rows that come one after the other from a stream."""
    n, width = header.shape
    buffer = np.empty((min(rows, n), width), header.dtype)
    for start in range(0, n, rows):
        block = buffer[: n - start]
        left = block.reshape(-1).view(np.uint8).data
        while left:
            count = file.readinto(left[:READ_BYTES])  # type: ignore[attr-defined]  # typeshed forgets it
            if not count:
                raise EOFError(f"it ends after row {start}")
            left = left[count:]
        yield block


def open_npy(path: Path, options: Options) -> list[Table]:
    """Open an .npy file."""
    with open(path, "rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        return [NpyTable(path, read_header(file, str(path), length))]


def open_npz(path: Path, options: Options) -> list[Table]:
    """Open the arrays of an .npz file that were asked for."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename.removesuffix(".npy") for member in members]
            if options.member is not None:
                if options.member not in names:
                    raise DataFileError(f"{path} has no array {options.member!r}; it has {shown(names)}")
                members = [members[names.index(options.member)]]
            return [open_member(path, archive, member) for member in members]
    except DataFileError:
        raise
    except DAMAGED as error:
        raise DataFileError(f"{path} is no sound .npz file: {error}") from error


def open_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Table:
    """Open an array in an .npz file."""
    with archive.open(member) as file:
        header = read_header(file, member_label(path, member.filename), member.file_size)
    return MemberTable(path, member.filename, header)


def member_label(path: Path, member: str) -> str:
    """Return what an error calls an array in an .npz file."""
    return f"{path}, array {member.removesuffix('.npy')!r}"


class NpyWriter(Writer):
    """Writes an .npy file. The header is written again at the end: only then is it known how many rows."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        super().__init__(file, layout)
        self.rows = 0
        self.write_header()
        self.start = file.tell()

    def write_header(self) -> None:
        """Write the header for the rows so far; NumPy leaves room in it for more."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self.layout.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.layout.tail),
        }
        np.lib.format.write_array_header_1_0(self.file, header)

    def write(self, values: Array) -> None:
        """Write rows; see `Writer`."""
        self.file.write(np.ascontiguousarray(values).data)
        self.rows += len(values)

    def finish(self) -> None:
        """Write what is left; see `Writer`."""
        self.file.seek(0)
        self.write_header()
        if self.file.tell() != self.start:
            raise RuntimeError(f"NumPy's header has {self.file.tell()} bytes, and had {self.start} before")
