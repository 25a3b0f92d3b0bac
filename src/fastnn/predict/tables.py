"""What every input is read as: rows of numbers, a block at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastnn.arguments import CommandError

Array = np.ndarray[Any, Any]


class DataFileError(CommandError):
    """A data file is damaged, or isn't what it should be; the message says where and how."""


class Options(NamedTuple):
    """What the user says of the inputs; each format takes what concerns it."""

    header: bool | None = None  # whether a .csv has one; None: what its first line looks like
    member: str | None = None  # which array of a .npz; None: all of them


class Block(NamedTuple):
    """Some rows: real numbers of any dtype, (B, columns), and the number of each row in its file."""

    values: Array
    numbers: Sequence[int]


class Table(ABC):
    """An input, opened so far that its columns are known.

    Parameters
    ----------
    path : Path
        The file.
    names : list of str or None
        The columns' names, if they have any.
    width : int
        How many columns there are.
    rows : int or None
        How many rows there are, if that is known before they are read.
    label : str, optional
        What an error calls it; by default the path.
    """

    # What the numbers of a block count: rows from 0, as arrays do, or lines from 1, as editors do.
    unit = "row"

    def __init__(
        self, path: Path, names: list[str] | None, width: int, rows: int | None, label: str | None = None
    ) -> None:
        self.path = path
        self.names = names
        self.width = width
        self.rows = rows
        self.label = label or str(path)

    @abstractmethod
    def blocks(self, rows: int, columns: Sequence[int]) -> Iterator[Block]:
        """Yield blocks of at most so many rows, of these columns; each is done with when the next is read."""

    def check(self, columns: Sequence[int]) -> None:  # noqa: B027
        """Raise if it is known that these columns can't be read."""

    def where(self, number: int) -> str:
        """Return what an error calls the row of that number."""
        return f"{self.label}, {self.unit} {number}"

    def column(self, i: int) -> str:
        """Return what an error calls a column."""
        return f"column {i}" if self.names is None else f"column {self.names[i]!r}"

    def whole(self, columns: Sequence[int]) -> bool:
        """Whether these are all columns, in their order."""
        return list(columns) == list(range(self.width))
