"""What every output is written by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastnn.predict.tables import Array


class Layout(NamedTuple):
    """What is written of each row: a vector of named numbers, or a single one."""

    names: list[str]
    dtype: np.dtype[Any]
    tail: tuple[int, ...]  # a row's shape: (m,), or () for a single number


class Writer(ABC):
    """Writes rows to a file, block after block.

    Parameters
    ----------
    file : binary file
        Empty, to be written. Whoever opened it closes it.
    layout : Layout
        What a row consists of.
    """

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self.file = file
        self.layout = layout

    @abstractmethod
    def write(self, values: Array) -> None:
        """Write rows, of the layout's dtype and shape (B, *tail)."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is left to write when there are no more rows."""

    def close(self) -> None:  # noqa: B027
        """Write no more: the output is whole, or will never be."""
