"""What the caller did to its thread, such as another rounding mode or flushing subnormals, changes no result.

Nor does fastnn change the mode: it is the same after every call.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from support import (
    ACTIVATIONS,
    ELEMENTWISE,
    ROW_WISE,
    Array,
    activate,
    differentiate,
    every_dtype,
    every_isa,
    normalize,
    random_layers,
    same_bits,
)

import fastnn
from fastnn._core import engine
from fastnn._core.engine import Plan


class Registers(NamedTuple):
    """Where the control registers are in glibc's fenv_t, seen as 32-bit words, and what sets their modes."""

    modes: Mapping[int, int]  # word: its bits that are modes
    upward: Mapping[int, int]
    downward: Mapping[int, int]
    toward_zero: Mapping[int, int]
    flush: Mapping[int, int]


# Word 0 of x86's is the x87's control word (long double), word 7 MXCSR: rounding, flush to zero (0x8000),
# denormals are zero (0x40). AArch64's word 0 is FPCR: rounding, flush to zero in and out.
X86 = Registers(
    modes={0: 0xC00, 7: 0xE040},
    upward={0: 0x800, 7: 0x4000},
    downward={0: 0x400, 7: 0x2000},
    toward_zero={0: 0xC00, 7: 0x6000},
    flush={7: 0x8040},
)
ARM = Registers(
    modes={0: 0x1C00000},
    upward={0: 0x400000},
    downward={0: 0x800000},
    toward_zero={0: 0xC00000},
    flush={0: 0x1000000},
)
MACHINE = {"x86_64": X86, "aarch64": ARM}.get(platform.machine())
if MACHINE is None or not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
    pytest.skip("needs glibc's fenv_t, and the registers in it", allow_module_level=True)

LIBM = ctypes.CDLL("libm.so.6")
NEAREST: dict[int, int] = {}
MODES: dict[str, Mapping[int, int]] = {
    "to nearest": NEAREST,
    "upward": MACHINE.upward,
    "downward": MACHINE.downward,
    "toward zero": MACHINE.toward_zero,
    "flushing subnormals": MACHINE.flush,
    "downward, flushing subnormals": {
        word: MACHINE.downward.get(word, 0) | MACHINE.flush.get(word, 0) for word in MACHINE.modes
    },
}


def environment() -> Any:
    words = (ctypes.c_uint32 * 16)()
    assert LIBM.fegetenv(words) == 0
    return words


def current_mode() -> dict[int, int]:
    words = environment()
    return {word: words[word] & bits for word, bits in MACHINE.modes.items()}


def set_mode(mode: Mapping[int, int]) -> None:
    words = environment()
    for word, bits in MACHINE.modes.items():
        words[word] = (words[word] & ~bits) | mode.get(word, 0)
    assert LIBM.fesetenv(words) == 0


@contextmanager
def kept(mode: Mapping[int, int]) -> Iterator[None]:
    """Run the thread in that mode, and check that it is still on at the end."""
    set_mode(mode)
    try:
        before = current_mode()
        yield
        assert current_mode() == before
    finally:
        set_mode(NEAREST)


every_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)


def test_the_modes_are_really_on() -> None:
    third, least = np.float64(1) / 3, np.float64(sys.float_info.min)
    seen = {}
    for name, mode in MODES.items():
        with kept(mode):
            seen[name] = (1 + third * 2**-53 > 1, 1 - third * 2**-54 < 1, bool(least / 2 == 0))
    assert seen == {
        "to nearest": (False, False, False),
        "upward": (True, False, False),
        "downward": (False, True, False),
        "toward zero": (False, True, False),
        "flushing subnormals": (False, False, True),
        "downward, flushing subnormals": (False, True, True),
    }


def tiny_and_ordinary(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return random numbers, every third one subnormal."""
    x = np.random.default_rng(6).standard_normal(shape)
    x.flat[::3] *= float(np.finfo(dtype).tiny) / 4
    return x.astype(dtype)


def functions(isa: str, dtype: np.dtype[Any]) -> Iterator[tuple[str, Callable[[], Array]]]:
    # Results reach from subnormals to 1. The interpreter lock is kept for few numbers, released for many.
    for n in (5, 3000):
        z = tiny_and_ordinary((n,), dtype)
        z[1::3] = np.linspace(-104 if dtype == np.float32 else -745, 5, len(z[1::3]))
        for name in ELEMENTWISE:
            yield f"{name} of {n}", lambda name=name, z=z: activate(isa, name, z)
            yield f"{name}' of {n}", lambda name=name, z=z: differentiate(isa, name, z)
        for name in ROW_WISE:
            yield f"{name} of {n}", lambda name=name, z=z: normalize(isa, name, z[np.newaxis])


def networks(isa: str, dtype: np.dtype[Any]) -> Iterator[tuple[str, Callable[[], Array]]]:
    # Lanes over outputs and inputs, over examples, and outputs that threads share; one example and batches.
    for widths, batches in (((100, 40, 10), (20, 250)), ((2, 3, 2), (20, 4100)), ((300, 517, 301), (5,))):
        net = Plan(random_layers(widths, ("tanh", "softmax"), dtype), dtype, isa)
        x = tiny_and_ordinary((batches[-1], widths[0]), dtype)
        yield f"{widths}, one example", lambda net=net, x=x: net(x[3])
        for rows, threads in product(batches, (1, 2)):
            name = f"{widths}, {rows} rows, {threads} threads"
            yield name, lambda net=net, x=x[:rows], threads=threads: net(x, threads=threads)


@every_mode
@every_dtype
@every_isa
class TestKernels:
    def test_functions(self, isa: str, dtype: np.dtype[Any], mode: Mapping[int, int]) -> None:
        self.check(functions(isa, dtype), mode)

    def test_networks(self, isa: str, dtype: np.dtype[Any], mode: Mapping[int, int]) -> None:
        engine.release_threads()  # so that workers start with the mode of the one who starts them
        self.check(networks(isa, dtype), mode)

    def check(self, cases: Iterator[tuple[str, Callable[[], Array]]], mode: Mapping[int, int]) -> None:
        calls = dict(cases)
        with kept(mode):
            got = {name: call() for name, call in calls.items()}
        for name, call in calls.items():  # workers that have met the mode don't keep it
            assert same_bits(got[name], call()), name


# Each converts: what it takes isn't what the kernels do.
WIDE = np.random.default_rng(7).standard_normal((70, 20)) / 3
WIDE[::2] *= 1e-40
LONG = WIDE.astype(np.longdouble) / 3
COUNTS = np.arange(2**61 + 1, 2**61 + 71)
SUBNORMAL = WIDE.astype(np.float32)
LAYER = fastnn.Dense(WIDE, np.full(70, 1e-40 / 3), "sigmoid")
NARROWED = fastnn.Network([LAYER], "float32")
X = WIDE.T[:, :20].copy()
CONVERSIONS: dict[str, Callable[[], Any]] = {
    "float64 into float32": lambda: NARROWED(X),
    "a list": lambda: NARROWED(X.tolist()),
    "long double": lambda: LAYER(LONG[:20].T[:, :20]),
    "large integers": lambda: LAYER(COUNTS[:20]),
    "float32 into float64": lambda: LAYER(SUBNORMAL[:20, :20]),
    "sigmoid of long double": lambda: fastnn.sigmoid(LONG),
    "sigmoid of large integers": lambda: fastnn.sigmoid(COUNTS - 2**61),
    "relu of large integers": lambda: fastnn.relu(COUNTS),
    "softmax of long double": lambda: fastnn.softmax(LONG, axis=0),
    "log_softmax of long double": lambda: fastnn.log_softmax(LONG),
    "tanh of every second": lambda: fastnn.tanh(SUBNORMAL[:, ::2]),
    "one element": lambda: fastnn.tanh(LONG[1, 1]),
    "parameters to float32": lambda: fastnn.Network([LAYER], "float32").layers[0].weight,
    "long double parameters": lambda: fastnn.Dense(LONG, LONG[:, 0]).weight,
    "long double perceptron": lambda: fastnn.Perceptron(LONG[0], LONG[1, 1]).weights,
    "trace": lambda: NARROWED.trace(X)[0].a,
    "cross-entropy": lambda: fastnn.cross_entropy(np.abs(SUBNORMAL), np.zeros(70, int)),
}


@every_mode
@pytest.mark.parametrize("call", CONVERSIONS.values(), ids=CONVERSIONS)
def test_conversions(call: Callable[[], Any], mode: Mapping[int, int]) -> None:
    expected = np.asarray(call())
    with kept(mode):
        got = np.asarray(call())
    assert same_bits(got, expected)


HUGE = np.array([[1e300, -1e-300], [0.0, 1.0]], np.longdouble)
HUGE[1, 0] = np.longdouble("1e4000")  # infinity, where long double is float64
OVERFLOWS: dict[str, Callable[[], Any]] = {
    "network": lambda: (
        fastnn.Network([fastnn.Dense([[1e300, 1e-300]], [-1e300])], "float32").layers[0].weight
    ),
    "layer": lambda: fastnn.Dense([[1e300, 1e-300]], [-1e300]).astype("float32").bias,
    "long double": lambda: fastnn.Dense(HUGE, HUGE[0]).weight,
    "perceptron": lambda: fastnn.Perceptron(HUGE[1], HUGE[0, 1]).weights,
    "softmax": lambda: fastnn.softmax(HUGE),
    "softmax of columns": lambda: fastnn.softmax(HUGE, axis=0),
    "log_softmax": lambda: fastnn.log_softmax(HUGE),
    "tanh": lambda: fastnn.tanh(HUGE),
    "call": lambda: fastnn.Network([fastnn.Dense([[1.0, 2.0]])], "float32")(HUGE),
    "trace": lambda: fastnn.Network([fastnn.Dense([[1.0, 2.0]])], "float32").trace([1e300, 1e-300])[0].z,
}


@pytest.mark.parametrize("call", [*CONVERSIONS.values(), *OVERFLOWS.values()], ids=[*CONVERSIONS, *OVERFLOWS])
def test_what_numpy_is_told_to_raise(call: Callable[[], Any]) -> None:
    with np.errstate(all="ignore"):
        expected = np.asarray(call())
    with np.errstate(all="raise"):
        got = np.asarray(call())
    assert same_bits(got, expected)


def test_a_mode_is_set_back_after_errors() -> None:
    with kept(MACHINE.upward):
        with pytest.raises(ValueError, match="x has shape"):
            NARROWED(np.zeros((2, 3), np.float32))
        with pytest.raises(TypeError, match="dtype"):
            fastnn.tanh(1j)


def test_all_activations_are_covered() -> None:
    assert set(ELEMENTWISE) | set(ROW_WISE) == set(ACTIVATIONS)
