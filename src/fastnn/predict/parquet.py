"""Parquet files, through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from fastnn.extras import need
from fastnn.predict.tables import Array, Block, DataFileError, Options, Table
from fastnn.predict.writers import Layout, Writer
from fastnn.threads import get_num_threads

if TYPE_CHECKING:
    import pyarrow

# A group's pages are read through a buffer of this size, not the group at once.
READ_BYTES = 2**16
# In a block, which is in memory as Arrow has it and as float64.
MAX_NUMBERS = 2**20
# Rows are written in groups of this size. Readers take whole ones, so they are neither a few rows nor all.
GROUP_BYTES = 32 * 2**20


class ParquetTable(Table):
    """A .parquet file."""

    def __init__(self, path: Path) -> None:
        with opened(path) as file:
            self.schema = file.schema_arrow
            super().__init__(path, list(self.schema.names), len(self.schema.names), file.metadata.num_rows)

    def blocks(self, rows: int, columns: Sequence[int]) -> Iterator[Block]:
        """Yield blocks of rows; see `Table`."""
        assert self.names is not None
        names = [self.names[i] for i in columns]
        rows = min(rows, max(MAX_NUMBERS // max(len(columns), 1), 1))
        pa, _ = arrow("Reading")
        first = 0
        with opened(self.path) as file:
            batches = file.iter_batches(rows, columns=names, use_threads=get_num_threads() > 1)
            while True:
                try:
                    batch = next(batches, None)
                except (pa.ArrowException, OSError) as error:
                    raise damaged(self.path, error) from error
                if batch is None:
                    return
                numbers = range(first, first + batch.num_rows)
                yield Block(as_array(batch, names), numbers)
                first = numbers.stop

    def check(self, columns: Sequence[int]) -> None:
        """Raise unless these columns hold numbers, each under a name of its own; see `Table`."""
        types = arrow("Reading")[0].types
        numeric = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
        for i in columns:
            field = self.schema.field(i)
            if not any(is_kind(field.type) for is_kind in numeric):
                raise DataFileError(f"{self.label}, {self.column(i)} has type {field.type}, expected numbers")
            if self.schema.names.count(field.name) > 1:
                raise DataFileError(f"{self.label} has more than one {self.column(i)}")


def arrow(purpose: str) -> tuple[Any, Any]:
    """Import pyarrow, and its module for Parquet."""
    purpose = f"{purpose} a .parquet file"
    return need("pyarrow", purpose), need("pyarrow.parquet", purpose)


def opened(path: Path) -> Any:
    """Open a file so that it is read little by little."""
    pa, parquet = arrow("Reading")
    with open(path, "rb"):
        pass  # the errors of this one name the file
    try:
        return parquet.ParquetFile(
            path, buffer_size=READ_BYTES, pre_buffer=False, page_checksum_verification=True
        )
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DataFileError:
    """Return the error for what pyarrow says."""
    return DataFileError(f"{path} is no sound .parquet file: {error}")


def as_array(batch: pyarrow.RecordBatch, names: Sequence[str]) -> Array:
    """Return columns side by side; what is missing is NaN."""
    values = np.empty((batch.num_rows, len(names)), order="F")
    for j, name in enumerate(names):
        column = batch.column(name).cast("float64", safe=False)
        values[:, j] = column.to_numpy(zero_copy_only=False)
    return values


def open_parquet(path: Path, options: Options) -> list[Table]:
    """Open a .parquet file."""
    return [ParquetTable(path)]


class ParquetWriter(Writer):
    """Writes a .parquet file with a column for each number of a row."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        super().__init__(file, layout)
        self.pa, parquet = arrow("Writing")
        kind = self.pa.from_numpy_dtype(layout.dtype)
        self.schema = self.pa.schema([(name, kind) for name in layout.names])
        self.writer = parquet.ParquetWriter(file, self.schema)
        width = len(layout.names)
        self.group = np.empty(
            (max(GROUP_BYTES // (max(width, 1) * layout.dtype.itemsize), 1), width), layout.dtype
        )
        self.waiting = 0

    def write(self, values: Array) -> None:
        """Write rows; see `Writer`."""
        rows = values.reshape(len(values), self.group.shape[1])
        while len(rows):
            room = self.group[self.waiting : self.waiting + len(rows)]
            room[...] = rows[: len(room)]
            rows = rows[len(room) :]
            self.waiting += len(room)
            if self.waiting == len(self.group):
                self.write_group()

    def write_group(self) -> None:
        """Write the rows that wait."""
        columns = [self.pa.array(np.ascontiguousarray(column)) for column in self.group[: self.waiting].T]
        self.writer.write_table(self.pa.table(columns, schema=self.schema), row_group_size=self.waiting)
        self.waiting = 0

    def finish(self) -> None:
        """Write what is left; see `Writer`."""
        if self.waiting:
            self.write_group()
        self.writer.close()

    def close(self) -> None:
        """Write no more; see `Writer`."""
        self.writer.is_open = False  # or it would write the rest when Python forgets it, and complain
