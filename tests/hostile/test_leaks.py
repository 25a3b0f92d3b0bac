"""Nothing is kept: reference counts come back, and memory stays as it is over many calls and constructions.

FASTNN_LEAK_CALLS says how many calls; `make stress` asks for 10^6, and 10^4 constructions.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import on_linux, output_of

import fastnn

CALLS = int(os.environ.get("FASTNN_LEAK_CALLS", "30000"))

NET = fastnn.Network(
    [fastnn.Dense(np.ones((5, 2)), np.ones(5), "tanh"), fastnn.Dense(np.ones((3, 5)))], "float32"
)


class Raises:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ZeroDivisionError


WIDE = np.ones((6, 4), np.float32)
WORK: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "call": (NET, [np.ones((4, 2), np.float32)]),
    "call of one": (NET, [np.ones(2, np.float32)]),
    "call into out": (NET, [np.ones((6, 2), np.float32), np.ones((6, 3), np.float32), 1]),
    "call of a list": (NET, [[[1.0, 2.0], [3.0, 4.0]]]),
    "call of columns": (NET, [WIDE[:, ::2], np.ones((3, 6), np.float32).T, 2]),
    "wrong width": (NET, [WIDE]),
    "wrong out": (NET, [WIDE[:, :2], WIDE]),
    "wrong threads": (NET, [WIDE[:, :2], None, 1.5]),
    "raises": (NET, [Raises()]),
    "build": (fastnn.Network, [[fastnn.Dense(np.ones((3, 2)))], "float32"]),
    "build wrongly": (fastnn.Network, [[fastnn.Dense(np.ones((3, 2)))] * 2]),
    "layer": (fastnn.Dense, [np.ones((3, 2)), np.ones(3), "leaky_relu(0.3)"]),
    "layer wrongly": (fastnn.Dense, [np.ones((3, 2)), np.ones(2), "nothing"]),
    "trace": (NET.trace, [WIDE[:, :2]]),
    "tanh": (fastnn.tanh, [WIDE[::-1], np.ones((6, 4), np.float32)]),
    "tanh wrongly": (fastnn.tanh, [WIDE, WIDE.astype(float)]),
    "softmax": (fastnn.softmax, [WIDE, None, 0]),
    "cross_entropy": (fastnn.cross_entropy, [WIDE, np.zeros(6, int)]),
}


def attempt(function: Callable[..., Any], arguments: list[Any]) -> None:
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
        function(*arguments)


@pytest.mark.parametrize("name", WORK)
def test_reference_counts_are_even(name: str) -> None:
    function, arguments = WORK[name]
    # None and small integers belong to everybody, and come and go by a few.
    everybodys = [None, True]
    own = [item for item in arguments if item is not None and not isinstance(item, int)]
    watched = [*everybodys, function, *own, NET, NET.dtype, np.dtype(np.float64)]
    attempt(function, arguments)
    gc.collect()
    before = [sys.getrefcount(item) for item in watched]
    for _ in range(500):
        attempt(function, arguments)
    gc.collect()
    grown = [
        now - then for now, then in zip([sys.getrefcount(item) for item in watched], before, strict=True)
    ]
    assert all(abs(more) < 100 for more in grown), grown
    assert not any(grown[len(everybodys) :]), grown


def test_networks_die() -> None:
    net = fastnn.Network([fastnn.Dense(np.ones((3, 2)))])
    weight, layer = weakref.ref(net.layers[0].weight), weakref.ref(net.layers[0])
    net([1.0, 2.0]), net.layers[0]([1.0, 2.0])
    del net
    gc.collect()
    assert weight() is None
    assert layer() is None


# What the process takes, and exactly: bytes of malloc's by glibc, objects of Python's own allocator.
IN_USE = """
import ctypes, gc, sys
import numpy as np, fastnn

class Malloc(ctypes.Structure):
    _fields_ = [("numbers", ctypes.c_size_t * 10)]

mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", Malloc)
mallinfo.restype = Malloc

def in_use():
    gc.collect()
    resident = int(open("/proc/self/statm").read().split()[1]) * 4
    numbers = mallinfo().numbers
    return resident, numbers[4] + numbers[7], sys.getallocatedblocks()  # hblkhd, uordblks

calls, constructions = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
net = fastnn.Network([fastnn.Dense(rng.standard_normal((3, 2)), None, "relu"), fastnn.Dense(np.ones((2, 3)))])
row, rows, turned = np.ones(2), np.ones((20, 2)), np.ones((2, 20), np.float32).T
layers = [fastnn.Dense(rng.standard_normal(shape), None, "tanh") for shape in ((90, 100), (4, 90))]

def work(calls, constructions):
    for _ in range(calls // 5):
        net(row), net(rows), net(turned), fastnn.tanh(row)
        try:
            net(1.0)
        except ValueError:
            pass
    for _ in range(constructions):
        fastnn.Network([fastnn.Dense(layers[0].weight, None, "tanh"), layers[1]])(np.ones(100))

work(calls // 10, constructions // 10)
in_use()
before = in_use()
work(calls, constructions)
print(*[now - then for now, then in zip(in_use(), before)])
"""


@on_linux
@pytest.mark.timeout(3600)
def test_memory_stays(record_property: Callable[[str, object], None]) -> None:
    constructions = CALLS // 100
    resident, of_malloc, objects = map(int, output_of(IN_USE, str(CALLS), str(constructions)).split())
    assert resident < 1024, f"{resident} KiB more"
    # Half of one for each construction: malloc's have 32 bytes or more. Some 200 objects come and go.
    assert of_malloc < 16 * constructions, f"{of_malloc} bytes more of malloc's"
    assert objects < constructions / 2 + 300, f"{objects} objects more"
    record_property("calls that kept nothing", CALLS)
    record_property("constructions that kept nothing", constructions)
