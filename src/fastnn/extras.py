"""Packages that fastnn needs for one thing only, imported when that is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def need(module: str, purpose: str, package: str | None = None) -> Any:
    """Import an optional module.

    Parameters
    ----------
    module : str
        What to import, ``"h5py"`` or ``"safetensors.torch"``.
    purpose : str
        What it is for, as the subject of a sentence: ``"Reading a .keras file"``.
    package : str, optional
        What to install; by default the first part of the module's name.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it isn't installed: the message says what to install.

    Examples
    --------
    >>> from fastnn.extras import need
    >>> need("no_such_module", "Reading a map")
    Traceback (most recent call last):
    ...
    ImportError: Reading a map needs no_such_module: pip install no_such_module
    """
    top = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != top:
            raise  # it is there, but broken: its own message says how
        package = package or top
        raise ImportError(f"{purpose} needs {package}: pip install {package}") from error
