"""Files that another program cuts short, replaces or removes while fastnn reads them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import output_of

import fastnn
from fastnn import Dense, Network
from fastnn.formats import tensors

OLD = Network([Dense(np.full((400, 300), 1.0), activation="relu")])
NEW = Network([Dense(np.full((300, 400), 2.0), activation="tanh")])
on_posix = pytest.mark.skipif(os.name != "posix", reason="files that are open can't be changed there")

# In a process of its own, which a signal would end.
CUT_SHORT = """
import os, sys
import fastnn
from fastnn.formats import tensors

path = sys.argv[1]
read_header = tensors.read_header

def cutting(*arguments):
    header = read_header(*arguments)
    os.truncate(path, 20_000)
    return header

tensors.read_header = cutting
try:
    print(fastnn.load(path).n_inputs)
except fastnn.ModelFileError as error:
    print(str(error).removeprefix(path))
"""


@on_posix
def test_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    OLD.save(path)
    expected = " is no sound safetensors file: it was cut short while"
    assert output_of(CUT_SHORT, str(path)).startswith(expected)


def rewrite(path: Path) -> None:
    """Write the same over it, in place."""
    with open(path, "r+b") as file:
        file.write(file.read())


@on_posix
def test_rewritten_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.safetensors"
    OLD.save(path)
    os.utime(path, (0, 0))
    read_tensors = tensors.read_tensors

    def changing(*arguments: Any) -> dict[str, Any]:
        rewrite(path)
        return read_tensors(*arguments)

    monkeypatch.setattr(tensors, "read_tensors", changing)
    with pytest.raises(fastnn.ModelFileError, match="changed while it was read"):
        fastnn.load(path)


@on_posix
@pytest.mark.parametrize("change", [lambda path: NEW.save(path), os.remove], ids=["replaced", "removed"])
def test_what_was_opened_is_read(
    tmp_path: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.safetensors"
    OLD.save(path)
    read_header = tensors.read_header

    def changing(*arguments: Any) -> dict[str, Any]:
        header = read_header(*arguments)
        change(path)
        return header

    monkeypatch.setattr(tensors, "read_header", changing)
    assert fastnn.load(path) == OLD
