"""Inputs: one table of formats, folders of files, and the columns that are chosen of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import numpy as np

from fastnn.arguments import CommandError, either
from fastnn.predict.npy import open_npy, open_npz
from fastnn.predict.parquet import open_parquet
from fastnn.predict.tables import Array, Block, DataFileError, Options, Table
from fastnn.predict.text import open_csv

# By a file's suffix: what opens it, as one table or more.
READERS: dict[str, Callable[[Path, Options], list[Table]]] = {
    ".csv": open_csv,
    ".npy": open_npy,
    ".npz": open_npz,
    ".parquet": open_parquet,
}
SHOWN_COLUMNS = 10


class Source(NamedTuple):
    """A table, and which of its columns are the features, in their order."""

    table: Table
    columns: list[int]

    def blocks(self, rows: int, allow_nan: bool) -> Iterator[Array]:
        """Yield blocks of at most so many rows of features."""
        for block in self.table.blocks(rows, self.columns):
            if not allow_nan:
                self.refuse_nan(block)
            yield block.values

    def refuse_nan(self, block: Block) -> None:
        """Raise if a block has a NaN, and say where."""
        found = np.isnan(block.values)
        if found.any():
            i, j = divmod(int(found.argmax()), found.shape[1])
            where, column = self.table.where(block.numbers[i]), self.table.column(self.columns[j])
            raise DataFileError(f"{where}, {column} is NaN or missing")


def open_sources(path: Path, options: Options, wanted: Sequence[str] | None, n_inputs: int) -> list[Source]:
    """Open all tables of an input, and find the features in each, without reading a row.

    Parameters
    ----------
    path : Path
        A file, or a folder whose files are one table together.
    options : Options
        What the user says of them.
    wanted : sequence of str or None
        What stands for the features: names of columns, indices, ranges of indices; None for all columns.
    n_inputs : int
        How many features the network expects.
    """
    paths = files_of(path)
    if options.member is not None and not any(one.suffix.lower() == ".npz" for one in paths):
        raise CommandError(f"--member chooses an array of a .npz file, but {path} is none and has none")
    tables = [table for one in paths for table in READERS[one.suffix.lower()](one, options)]
    if not tables:
        raise DataFileError(f"{path} has no arrays")
    sources = [Source(table, select(table, wanted)) for table in tables]
    for source in sources:
        if len(source.columns) != n_inputs:
            found = f"{len(source.columns)} column{'s' * (len(source.columns) != 1)}"
            chosen, advice = (" chosen", "") if wanted else ("", "; --columns chooses some")
            if source.table.width == 1 and source.table.path.suffix.lower() == ".csv":
                advice = "; commas part columns, nothing else does"
            raise DataFileError(
                f"{source.table.label} has {found}{chosen}, but the network expects {n_inputs}{advice}"
            )
        source.table.check(source.columns)
    same_names(sources)
    return sources


def files_of(path: Path) -> list[Path]:
    """Return the file, or the folder's files of formats that can be read, in the order of their names."""
    if path.is_dir():
        found = sorted(
            one
            for one in path.iterdir()
            if one.suffix.lower() in READERS and not one.name.startswith((".", "_")) and not one.is_dir()
        )
        if not found:
            raise CommandError(f"{path} has no file whose name ends in {either(READERS)}")
    else:
        found = [path]
        if path.suffix.lower() not in READERS:
            raise CommandError(f"{path} isn't a folder, nor a name that ends in {either(READERS)}")
    for one in found:
        if not S_ISREG(one.stat().st_mode):  # a missing file, or a link to none, is an OSError that names it
            raise CommandError(f"{one} is a pipe or a device, expected a file that can be read twice")
    return found


def select(table: Table, wanted: Sequence[str] | None) -> list[int]:
    """Return the indices of the columns that are wanted; None is all of them."""
    if wanted is None:
        return list(range(table.width))
    return [i for item in wanted for i in find(table, item)]


def find(table: Table, item: str) -> Sequence[int]:
    """Return the indices of the columns that an item of --columns stands for: a name, an index or a range."""
    count = (table.names or []).count(item)
    if count > 1:
        raise DataFileError(f"{table.label} has {count} columns {item!r}; --columns can take indices")
    if table.names is not None and count:
        return [table.names.index(item)]
    match = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,9}))?", item)
    if match is None:
        names = "no names of columns" if table.names is None else f"only {shown(table.names)}"
        raise DataFileError(f"{table.label} has no column {item!r}, it has {names}")
    found = range(int(match[1]), int(match[2] or int(match[1]) + 1))
    if not found:
        raise CommandError(f"--columns: the range {item} has no columns")
    if found.stop > table.width:
        raise DataFileError(f"{table.label} has no column {found.stop - 1}, it has 0 to {table.width - 1}")
    return found


def shown(names: Sequence[str]) -> str:
    """Return names of columns as an error lists them."""
    text = ", ".join(map(repr, names[:SHOWN_COLUMNS]))
    return text if len(names) <= SHOWN_COLUMNS else f"{text} and {len(names) - SHOWN_COLUMNS} more"


def same_names(sources: Sequence[Source]) -> None:
    """Raise unless the features have the same names in every table that has names."""
    named = [(source, names_of(source)) for source in sources if source.table.names is not None]
    for source, names in named[1:]:
        first, expected = named[0]
        for i, (name, other) in enumerate(zip(names, expected, strict=True)):
            if name != other:
                raise DataFileError(
                    f"{source.table.label} has {name!r} as feature {i}, but {first.table.label} has {other!r}"
                )


def names_of(source: Source) -> list[str]:
    """Return the features' names in a table that has names."""
    assert source.table.names is not None
    return [source.table.names[i] for i in source.columns]
