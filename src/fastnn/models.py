"""Networks from model files, and from models of other libraries."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from fastnn.formats import native
from fastnn.formats.files import ModelFileError, kind_of
from fastnn.layers import Dense
from fastnn.network import Network


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network that `Network.save` wrote.

    Parameters
    ----------
    path : str or path-like
        A safetensors file.

    Returns
    -------
    Network

    Raises
    ------
    OSError
        If the file can't be read.
    ModelFileError
        If it isn't such a file, or is damaged.

    Examples
    --------
    See `Network.save`.
    """
    return _network(path, native.read(path))


def open_model(path: str | os.PathLike[str]) -> Network:
    """Read a model file of any format, by what is in it.

    Parameters
    ----------
    path : str or path-like
        A safetensors file that `Network.save` wrote.

    Returns
    -------
    Network

    Raises
    ------
    OSError
        If the file can't be read.
    ModelFileError
        If it is of another format, damaged, or holds a model that isn't dense layers in a chain.
    ImportError
        If its format needs a package that isn't installed.

    Examples
    --------
    >>> import fastnn, tempfile, pathlib
    >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "sigmoid")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.safetensors")
    ...     net.save(path)
    ...     fastnn.open_model(path) == net
    True
    """
    kind = kind_of(path)
    if kind not in READERS:
        raise ModelFileError(f"{os.fsdecode(path)} is no model file of these formats: {', '.join(READERS)}")
    return READERS[kind](path)


# By the formats' usual suffix: what reads a file of each.
READERS: dict[str, Callable[[str | os.PathLike[str]], Network]] = {"safetensors": load}


def _network(path: str | os.PathLike[str], layers: Sequence[Dense]) -> Network:
    """Return the network of a file's layers."""
    try:
        return Network(layers)
    except ValueError as error:
        raise ModelFileError(f"{os.fsdecode(path)}: {error}") from error
