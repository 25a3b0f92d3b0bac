"""What the caller did to the process, such as its rounding mode or a limit on memory, changes no result."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import fastnn

UPWARD = {"x86_64": 0x800, "AMD64": 0x800, "aarch64": 0x400000}.get(platform.machine())

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or UPWARD is None, reason="needs fesetround and its constants"
)


@pytest.fixture
def rounding_upward() -> Iterator[None]:
    libm = ctypes.CDLL("libm.so.6")
    assert libm.fesetround(UPWARD) == 0
    try:
        yield
    finally:
        libm.fesetround(0)


def network() -> fastnn.Network:
    rng = np.random.default_rng(5)
    hidden = fastnn.Dense(rng.standard_normal((40, 100)), rng.standard_normal(40), "tanh")
    return fastnn.Network([hidden, fastnn.Dense(rng.standard_normal((10, 40)), None, "softmax")])


EXPECTED_NET = network()
X = np.random.default_rng(6).standard_normal((5000, 100))
EXPECTED = EXPECTED_NET(X, threads=1)
Z = np.linspace(-5, 5, 4001)
EXPECTED_Z = {f: f(Z) for f in (fastnn.sigmoid, fastnn.tanh, fastnn.softmax, fastnn.tanh_derivative)}


@pytest.mark.usefixtures("rounding_upward")
def test_another_rounding_mode() -> None:
    assert 1.0 + 1e-30 > 1.0  # the mode is really on
    for threads in (1, 2):
        assert EXPECTED_NET(X, threads=threads).tobytes() == EXPECTED.tobytes()
    assert EXPECTED_NET(X[3]).tobytes() == EXPECTED[3].tobytes()
    for f, expected in EXPECTED_Z.items():
        assert f(Z).tobytes() == expected.tobytes()
    assert 1.0 + 1e-30 > 1.0  # and still on


def test_workers_do_not_keep_a_mode() -> None:
    assert EXPECTED_NET(X, threads=2).tobytes() == EXPECTED.tobytes()
