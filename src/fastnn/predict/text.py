"""CSV files: read by Python's own `csv`, a record at a time, so that an error knows its line.

`numpy.loadtxt` is up to twice as fast, but counts what it was given, not lines, lets records of different
lengths pass where columns are chosen, and can't tell a missing value from text. Networks compute while no
Python runs, so it would take a very large one to be waited for.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np

from fastnn.formats.files import shown
from fastnn.predict.tables import Array, Block, DataFileError, Options, Table
from fastnn.predict.writers import Layout, Writer

Record = list[str]

# In a block: as text, a field takes eight times the memory that its number does, and what fits into the
# second cache is read faster than more.
MAX_FIELDS = 2**15
# In characters, and no file of another kind is read into memory for want of line ends.
MAX_LINE = 2**24
# Of each field of a first line that could be either.
FIELD_SHOWN = 20


class CsvTable(Table):
    """A .csv file."""

    unit = "line"

    def __init__(self, path: Path, header: bool | None) -> None:
        with open_text(path) as file:
            first = next(filter(None, (record for _, record in records(path, Lines(file)))), None)
        if first is None:
            raise DataFileError(f"{path} is empty")
        fields = [field.strip() for field in first]
        self.has_header = is_header(path, fields) if header is None else header
        super().__init__(path, fields if self.has_header else None, len(fields), None)

    def blocks(self, rows: int, columns: Sequence[int]) -> Iterator[Block]:
        """Yield blocks of rows; see `Table`."""
        rows = min(rows, max(MAX_FIELDS // self.width, 1))
        with open_text(self.path) as file:
            lines = Lines(file)
            found = self.checked(self.after_header(records(self.path, lines)))
            while block := list(islice(found, rows)):
                numbers = [line for line, _ in block]
                fields = [record for _, record in block]
                if not self.whole(columns):
                    fields = [[record[i] for i in columns] for record in fields]
                values = fast(fields) if lines.are_plain() else None
                if values is None:
                    values = self.exact(fields, numbers, columns)
                yield Block(values.reshape(len(fields), len(columns)), numbers)

    def after_header(self, found: Iterator[tuple[int, Record]]) -> Iterator[tuple[int, Record]]:
        """Return the records without the first one that isn't empty, if that names the columns."""
        if self.has_header:
            next(line for line, record in found if record)
        return found

    def checked(self, found: Iterable[tuple[int, Record]]) -> Iterator[tuple[int, Record]]:
        """Yield the records if they have as many fields as the first one; empty ones are none.

        In a file of one column an empty line is a missing number, if any more come after it.
        """
        empty = 0
        for line, record in found:
            if not record:
                empty += 1
                continue
            if empty and self.width == 1:
                yield from ((number, [""]) for number in range(line - empty, line))
                empty = 0
            if len(record) != self.width:
                raise DataFileError(
                    f"{self.where(line)} has {len(record)} field{'s' * (len(record) > 1)}, "
                    f"expected {self.width} as in the first line"
                )
            yield line, record

    def exact(self, fields: list[Record], lines: Sequence[int], columns: Sequence[int]) -> Array:
        """Return the numbers in fields, missing ones as NaN, or say where one isn't a number."""
        values = np.empty((len(fields), len(columns)))
        for row, line, record in zip(values, lines, fields, strict=True):
            for j, text in enumerate(record):
                try:
                    row[j] = number(text)
                except ValueError:
                    place = f"{self.where(line)}, {self.column(columns[j])}"
                    raise DataFileError(f"{place}: {shown(text)} isn't a number") from None
        return values


class Lines:
    """The lines of a file, watched for their length and for text that only Python takes for a number."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.plain = True

    def __iter__(self) -> Iterator[str]:
        for line in iter(partial(self.file.readline, MAX_LINE), ""):
            if len(line) == MAX_LINE:
                raise csv.Error(f"it has {MAX_LINE} characters or more")
            if "_" in line or not line.isascii():
                self.plain = False
            yield line

    def are_plain(self) -> bool:
        """Whether none of the lines since the last question had such text."""
        plain, self.plain = self.plain, True
        return plain


def open_text(path: Path) -> TextIO:
    """Open a file of text. What isn't UTF-8 is let through, to be refused where a number is expected."""
    return open(path, encoding="utf-8-sig", errors="surrogateescape")


def records(path: Path, lines: Iterable[str]) -> Iterator[tuple[int, Record]]:
    """Yield each record and the line that it begins in; that of an empty line is empty."""
    reader = csv.reader(lines, strict=True)
    line = 1
    try:
        for record in reader:
            yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataFileError(f"{path}, line {line}: {error}") from error


def is_header(path: Path, fields: Record) -> bool:
    """Whether a first line names columns: whether it has text, where nothing speaks against it."""
    numbered = fields[fields[0] == "" :]  # pandas writes its index first, which has no name
    kinds = {is_number(field) for field in fields if field}
    if numbered and numbered == [str(i) for i in range(len(numbered))]:
        doubt = "names of columns, or numbers?"
    elif len(kinds) == 2:
        doubt = "both text and numbers. Names of columns, or a bad row?"
    else:
        return kinds == {False}
    start = ",".join(field[:FIELD_SHOWN] for field in fields[:4]) + (",…" if len(fields) > 4 else "")
    raise DataFileError(f"{path} begins with {start}: {doubt} Say --header or --no-header")


def is_number(field: str) -> bool:
    """Whether a field has a number."""
    try:
        number(field)
    except ValueError:
        return False
    return True


def number(text: str) -> float:
    """Return the number that a field has, NaN if it has none."""
    text = text.strip()
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(text) if text else math.nan


def fast(fields: list[Record]) -> Array | None:
    """Return the numbers in plain fields one after the other, or None if one is something else."""
    try:
        return np.fromiter(map(float, chain.from_iterable(fields)), np.float64)
    except ValueError:
        return None


def open_csv(path: Path, options: Options) -> list[Table]:
    """Open a .csv file."""
    return [CsvTable(path, options.header)]


class CsvWriter(Writer):
    """Writes a .csv file: a line of names, then the shortest digits that give the same numbers."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        super().__init__(file, layout)
        self.file.write(f"{','.join(layout.names)}\n".encode())

    def write(self, values: Array) -> None:
        """Write rows; see `Writer`."""
        rows = values.reshape(len(values), -1)
        # Of NumPy's own numbers: Python's would show a float32 with the digits of a float64.
        self.file.write("".join(f"{','.join(map(str, row))}\n" for row in rows).encode())

    def finish(self) -> None:
        """Write what is left; see `Writer`."""
