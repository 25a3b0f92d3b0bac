"""What a careless or hostile caller may pass for an array, a number or a name."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
from hypothesis import strategies as st
from support import FREE_THREADED

DTYPES = ["f2", "f4", "f8", "g", ">f2", ">f4", ">f8", "?", "i1", "u1", ">i2", "i8", ">u8"]
DTYPES += ["c8", "c16", "O", "U3", "S2", "M8[s]", "m8[s]", "V4", "f4,f8"]
LARGE = 2**30  # what has more elements has more than there is memory for


class Subclass(np.ndarray[Any, Any]):
    """An array whose class meddles with everything that NumPy asks of it."""

    def __array_finalize__(self, parent: Any) -> None:
        self.meddled = True

    def __array_ufunc__(self, *arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("a ufunc was called")

    def __array_function__(self, *arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("a function was called")

    def __len__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return f"Subclass({np.asarray(self)!r})"


class Liar(np.ndarray[Any, Any]):
    """An array that says of itself what isn't so."""

    shape = property(lambda self: (100_000, 2))  # type: ignore[assignment]
    dtype = property(lambda self: np.dtype(np.float32))  # type: ignore[assignment]
    flags = property(lambda self: np.ones(1).flags)  # type: ignore[assignment]
    ndim = property(lambda self: 2)  # type: ignore[assignment]
    strides = property(lambda self: (8, 4))  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Liar({np.asarray(self)!r})"


class Raises:
    """Raises whatever it is asked for an array."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ZeroDivisionError("no array today")


class Returns:
    """Gives something else than an array."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.value


class Interface:
    """Describes memory by NumPy's array interface, wrongly.

    Only lies that can be found out: where memory ends, nobody but the object knows, and NumPy believes it.
    """

    def __init__(self, **description: Any) -> None:
        good = {"version": 3, "shape": (2,), "typestr": "<f4", "data": bytearray(8)}
        self.__array_interface__ = {**good, **description}


class Dlpack:
    """Offers a DLPack capsule that it hasn't."""

    def __dlpack__(self, **options: Any) -> Any:
        raise ZeroDivisionError("no capsule today")

    def __dlpack_device__(self) -> Any:
        return "nowhere"


class Sequence:
    """Says that it is longer than it is."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> float:
        if i > 3:
            raise ZeroDivisionError("there was nothing")
        return 1.0


class Index:
    """An integer that can't say which."""

    def __index__(self) -> int:
        raise ZeroDivisionError("no integer today")


class Struct:
    """Its array structure is no capsule."""

    __array_struct__ = 12345


def nested(depth: int) -> Any:
    value: Any = 1.0
    for _ in range(depth):
        value = [value]
    return value


def itself() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def oddities() -> list[Any]:
    """Return one of each kind that isn't an array drawn below."""
    released = memoryview(bytearray(8))
    released.release()
    numbers = [True, 0, -1, 3, 2**31, 2**63, 2**64, -(2**70), 10**400, 0.5, float("nan"), float("inf"), 1j]
    scalars = [np.float32(1), np.float64("nan"), np.int8(2), np.str_("relu"), np.datetime64(3, "s")]
    names = ["", "relu", "softmax", "tanh\0", "\ud800", "r" * 10_000, b"relu"]
    objects = [None, object(), type, len, ..., NotImplemented, np.dtype("f4")]
    deceitful = [Raises(), Dlpack(), Struct(), Index()]
    lists = [[], [[]], [[], [1.0]], [1.0, [2.0]], [None], ["1"], {}, {1.0: 2.0}, {1.0}, range(3), iter([1.0])]
    deep = [nested(30), nested(200), nested(5000), itself(), (x for x in ())]
    buffers = [released, memoryview(b"abcd"), array.array("f", [1.0, 2.0]), bytearray(16)]
    returned = [None, 3.0, "x", [1.0], Raises(), np.ones(2, "O")]
    descriptions: list[dict[str, Any]] = [
        {"shape": (-1,)},
        {"shape": (2**62, 2**62)},
        {"shape": "x"},
        {"strides": "x"},
        {"typestr": "<f5"},
        {"typestr": 4},
        {"data": None},
        {"data": "x"},
        {"data": (0, False), "shape": (0,)},
        {"version": 2},
        {},
    ]
    masked = [np.ma.masked, np.ma.array([1.0, 2.0], mask=[True, False])]
    return [
        *(numbers + scalars + names + objects + deceitful + lists + deep + buffers + masked),
        *(Returns(value) for value in returned),
        *(Interface(**description) for description in descriptions),
        # A free-threaded CPython promises so much memory, and fills it.
        *(Sequence(size) for size in (2, 9, 0, 2 if FREE_THREADED else 2**40)),
    ]


def own_errors(value: Any) -> tuple[type[Exception], ...]:
    """Return what a value raises by itself, whoever asks it, or by being larger than memory."""
    errors: list[type[Exception]] = []
    if isinstance(value, Subclass | Raises | Dlpack | Sequence | Index):
        errors.append(ZeroDivisionError)
    if isinstance(value, np.ndarray | Sequence) and value.size > LARGE:
        errors.append(MemoryError)
    return tuple(errors)


def numbered(shape: Any, dtype: Any, order: Any = "C") -> Any:
    """Return an array in which neighbours differ, if its dtype has numbers."""
    a = np.zeros(shape, dtype, order)
    if a.dtype.kind in "biufc":
        np.copyto(a, (np.arange(a.size) % 7).reshape(a.shape), casting="unsafe")
    return a


@st.composite
def hostile_arrays(draw: st.DrawFn, shape: tuple[int, ...] | None = None) -> Any:
    """Draw an array of any dtype, layout, flags and class, and unless there is a shape, of any rank.

    Sides of 2 and 3 are what is expected.
    """
    kinds = ["plain", "backwards", "spread", "fortran", "misaligned"]
    dtypes = ["f4", "f8"]
    if shape is None:
        shape = tuple(draw(st.lists(st.sampled_from([2, 2, 3, 3, 0, 1, 4, 65]), min_size=0, max_size=3)))
        kinds += ["broadcast", "huge"]
        dtypes += DTYPES
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    kind = draw(st.sampled_from(kinds))
    if kind == "misaligned" and not dtype.hasobject:
        room = np.zeros(int(np.prod(shape)) * dtype.itemsize + 1, np.uint8)
        a: Any = np.ndarray(shape, dtype, room, 1)
        a[...] = numbered(shape, dtype)
    elif kind == "broadcast":
        a = np.broadcast_to(numbered(shape[-1:], dtype), shape)
    elif kind == "huge":
        # One number, as more than there is memory for.
        sides = draw(st.sampled_from([(2**45, 3), (2**57, 2), (2**58,), (3, 2**55)]))
        a = np.broadcast_to(np.zeros((), dtype), sides)
    else:
        step = {"backwards": -1, "spread": 2}.get(kind, 1)
        room = numbered([side * abs(step) for side in shape], dtype, "F" if kind == "fortran" else "C")
        a = room[(..., *[slice(None, None, step)] * len(shape))]
    wrap = draw(st.sampled_from(["none", "none", "none", "read-only", "subclass", "liar", "masked"]))
    if wrap == "read-only" and a.flags.writeable:
        a.flags.writeable = False
    elif wrap == "subclass":
        a = a.view(Subclass)
    elif wrap == "liar":
        a = a.view(Liar)
    elif wrap == "masked" and kind != "huge":
        a = np.ma.array(a, mask=draw(st.booleans()))
    return a


def anything() -> st.SearchStrategy[Any]:
    """Draw anything at all."""
    return hostile_arrays() | st.integers(0, len(oddities()) - 1).map(lambda i: oddities()[i])
