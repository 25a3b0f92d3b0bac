"""Memory between two pages that can't be touched, where tests put arrays flush against either."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from support import Array

PROT_NONE = 0


class Guarded:
    """Some pages between two that can't be touched."""

    def __init__(self, pages: int) -> None:
        self.memory = mmap.mmap(-1, (pages + 2) * mmap.PAGESIZE)
        self.size = pages * mmap.PAGESIZE
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for page in (start, start + mmap.PAGESIZE + self.size):
            if libc.mprotect(page, mmap.PAGESIZE, PROT_NONE):
                raise OSError(ctypes.get_errno(), "mprotect failed")

    def place(self, array: Array, at_end: bool) -> Array:
        """Return a copy of the array at the end or at the start of what can be touched."""
        assert array.nbytes <= self.size
        first = self.size - array.nbytes if at_end else 0
        copy: Array = np.ndarray(array.shape, array.dtype, self.memory, mmap.PAGESIZE + first)
        copy[...] = array
        return copy

    def places(self, array: Array) -> Iterator[Array]:
        """Yield copies of the array at the end and at the start of what can be touched."""
        for at_end in (True, False):
            yield self.place(array, at_end)


def run_apart(file: str, *arguments: str) -> Any:
    """Run a test's file as a program, because a kernel that strays ends the process."""
    command = [sys.executable, file, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
