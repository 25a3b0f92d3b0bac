"""The table of kernels as C declares it in table.h, for tests that call kernels on memory of their own."""

from __future__ import annotations

import ctypes
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

HEADER = Path(__file__).resolve().parents[1] / "src" / "fastnn" / "_core" / "table.h"
TEXT = (
    re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL) if HEADER.exists() else ""
)
CONSTANTS = {name: int(value) for name, value in re.findall(r"(\w+) = (\d+)", TEXT)}
TYPES = {"int": ctypes.c_int, "double": ctypes.c_double, "ptrdiff_t": ctypes.c_ssize_t, "void": None}


def c_type(declaration: str) -> Any:
    return ctypes.c_void_p if "*" in declaration else TYPES[declaration.split()[0]]


def fields(struct: str) -> list[tuple[str, Any]]:
    """Return a struct's fields, as ctypes takes them."""
    found = re.search(r"typedef struct \{([^}]*)\} " + struct, TEXT)
    result = []
    for declaration in filter(str.strip, found[1].split(";") if found else ()):
        if function := re.fullmatch(r"\s*(\w+ )\(\*(\w+)\)\((.*)\)", declaration, re.DOTALL):
            arguments = [c_type(argument) for argument in function[3].split(",")]
            result.append((function[2], ctypes.CFUNCTYPE(c_type(function[1]), *arguments)))
        elif array := re.fullmatch(r"\s*(\w+) (\w+)\[(\w+)\]", declaration):
            result.append((array[2], TYPES[array[1]] * CONSTANTS[array[3]]))
        else:
            result.append((declaration.split()[-1].lstrip("*"), c_type(declaration)))
    return result


class DenseJob(ctypes.Structure):
    """fastnn_dense."""

    _fields_ = fields("fastnn_dense")


class Table(ctypes.Structure):
    """fastnn_kernels."""

    _fields_ = fields("fastnn_kernels")


def kernel_table(dtype: Any, isa: str) -> Any:
    """Return the table of an instruction set for a dtype; its functions can be called."""
    module = import_module(f"fastnn._core.isa.{isa}_f{8 * np.dtype(dtype).itemsize}")
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return ctypes.cast(get_pointer(module.kernels, b"fastnn.kernels"), ctypes.POINTER(Table)).contents
