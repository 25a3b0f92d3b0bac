"""libxsmm's matrix product, compiled for one shape when it is asked for: a mark for layers to reach.

It computes the bare product, without bias and activation. Its matrices are column-major, so it gets what it
likes best: the transposed weights as they lie in memory, out^T (m, rows) = weight (m, n) x^T (n, rows), each
with the leading dimension of its own height, nothing to be added to. It is called through ctypes with the
interpreter lock held and its arguments made beforehand, which is the cheapest way from Python.

Bindings to the interface of libxsmm 2; the user builds the library.
"""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from functools import partial
from typing import Any

import numpy as np

from fastnn.bench import cases, timing

Array = np.ndarray[Any, Any]

DATATYPES = {"float64": 0, "float32": 1}
BETA_0 = 4
NO_PREFETCH = 0
POINTERS = 6  # of a matrix argument
Pointer = ctypes.c_void_p


class Shape(ctypes.Structure):
    """Sizes, leading dimensions and datatypes of a product."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("m", "n", "k", "lda", "ldb", "ldc")),
        *((name, ctypes.c_int) for name in ("a_type", "b_type", "out_type", "sum_type")),
    ]


class Arguments(ctypes.Structure):
    """What a product is called with: a state of four pointers, and three matrices of six."""

    _fields_ = [
        ("state", Pointer * 4),
        ("a", Pointer * POINTERS),
        ("b", Pointer * POINTERS),
        ("c", Pointer * POINTERS),
    ]


class Product:
    """A call of libxsmm for one weight and input, and where the result is.

    Parameters
    ----------
    library : CDLL
        libxsmm.
    weight : ndarray, shape (m, n)
    x : ndarray, shape (rows, n)
        Of the same dtype, float32 or float64.
    """

    def __init__(self, library: ctypes.CDLL, weight: Array, x: Array) -> None:
        (m, n), rows = weight.shape, len(x)
        kind = DATATYPES[weight.dtype.name]
        dispatch = library.libxsmm_dispatch_gemm
        dispatch.restype = Pointer
        dispatch.argtypes = (Shape, ctypes.c_uint, ctypes.c_uint)
        address = dispatch(Shape(m, rows, n, m, n, m, kind, kind, kind, kind), BETA_0, NO_PREFETCH)
        if address is None:
            raise RuntimeError(f"libxsmm has no product for {weight.dtype} {weight.shape} and {rows} rows")
        self.weight = cases.aligned(weight.T)
        self.x = cases.aligned(x)
        self.out = cases.aligned(np.full((rows, m), np.nan, weight.dtype))
        self.arguments = Arguments()
        for name, array in (("a", self.weight), ("b", self.x), ("c", self.out)):
            getattr(self.arguments, name)[0] = array.ctypes.data
        function = ctypes.PYFUNCTYPE(None, Pointer)(address)
        self.call: timing.Call = partial(function, ctypes.addressof(self.arguments))

    def is_right(self) -> bool:
        """Whether a call gives the product."""
        self.call()
        expected = self.x.astype(np.float64) @ self.weight.astype(np.float64)
        tolerance = 1e-4 if self.out.dtype == np.float32 else 1e-9
        return bool(np.allclose(self.out, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()))


def load(path: str | None) -> ctypes.CDLL | None:
    """Return libxsmm from that file or, without one, from where the system has it; None if it hasn't."""
    found = path or find_library("xsmm")
    return ctypes.CDLL(found) if found else None
