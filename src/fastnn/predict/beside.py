"""What waits for disks, in a thread beside those that compute."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, Self

DISK_BYTES = 32 * 2**20


class Beside:
    """Does one thing after the other in a thread of its own.

    Used in a ``with`` statement, which ends when all is done; after an error, when what had begun is.

    Parameters
    ----------
    most : int
        How many may be undone. Who asks for more waits.
    """

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self.pool = ThreadPoolExecutor(1)
        self.undone: deque[Future[None]] = deque()

    def do(self, what: Callable[[], None]) -> None:
        """Do this after what was asked for before, whose errors come here."""
        while len(self.undone) >= self.most:
            self.undone.popleft().result()
        self.undone.append(self.pool.submit(what))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self.undone and error is None:
                self.undone.popleft().result()
        finally:
            self.pool.shutdown(cancel_futures=True)


class OnDisk:
    """Has what is written to a file brought to the disk now and then, so that little is left at the end.

    Parameters
    ----------
    file : binary file
        Open for writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.bytes = 0

    def follow(self) -> None:
        """Bring the file to the disk if it has grown by DISK_BYTES, where the system can."""
        if hasattr(os, "fdatasync") and self.file.tell() - self.bytes >= DISK_BYTES:
            os.fdatasync(self.file.fileno())
            self.bytes = self.file.tell()
