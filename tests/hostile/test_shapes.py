"""Arrays whose shape or dtype is set while they are in use, and layers that lie about theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import run_python, same_bits

from fastnn import Dense, Network

# At the nth call or return of a function within the call, as another thread could: for every n that there is.
SET_IN_THE_MIDDLE = """
import sys, warnings
import numpy as np, fastnn

warnings.simplefilter("ignore")  # NumPy's, that a shape is set
net = fastnn.Network([fastnn.Dense(np.linspace(-1, 1, 32).reshape(8, 4), None, "tanh")], "float32")
z = np.linspace(-9, 9, 4000 * 4).reshape(4000, 4)
calls = {
    "network": (net, z, np.empty((4000, 8), "f4")),
    "network, direct": (net, z.astype("f4"), np.empty((4000, 8), "f4")),
    "tanh": (fastnn.tanh, z, np.empty((4000, 4), "f8")),
    "tanh, converted": (fastnn.tanh, z.astype("i8"), np.empty((4000, 4), "f8")),
    "softmax": (fastnn.softmax, z, np.empty((4000, 4), "f8")),
}
call, x, out = calls[sys.argv[1]]
victim = {"x": x, "out": out}[sys.argv[2]]
shape, dtype = victim.shape, victim.dtype


def reshape():
    victim.shape = (1, -1)


def flatten():
    victim.shape = (-1,)


def recast():
    victim.dtype = "i1"


expected = call(x, out).copy()
errors = right = 0
for change in (reshape, flatten, recast):
    for at in range(1000):
        seen = 0

        def hook(frame, event, argument):
            global seen
            seen += 1
            if seen == at:
                change()

        out.fill(0)
        sys.setprofile(hook)
        try:
            call(x, out)
        except (TypeError, ValueError):
            errors += 1
        else:
            sys.setprofile(None)
            assert out.tobytes() == expected.tobytes(), (change.__name__, at)
            right += 1
        finally:
            sys.setprofile(None)
            if victim.dtype != dtype:
                victim.dtype = dtype
            victim.shape = shape
        if seen < at:
            break
print(errors, right)
"""


@pytest.mark.parametrize("victim", ["x", "out"])
@pytest.mark.parametrize("call", ["network", "network, direct", "tanh", "tanh, converted", "softmax"])
def test_set_in_the_middle(call: str, victim: str) -> None:
    done = run_python(SET_IN_THE_MIDDLE, call, victim)
    assert done.returncode == 0, done.stderr
    errors, right = map(int, done.stdout.split())
    assert right > 0
    assert errors > 0 or call == "network, direct"  # which calls no function of Python's


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_what_a_layer_hands_out_is_not_what_it_has(name: str) -> None:
    layer = Dense(np.ones((1, 16)), [1.0])
    net = Network([layer])
    x = np.ones((40, 16))
    expected = net(x)
    place = ["weight", "bias"].index(name)
    for one in (layer, net.layers[0]):
        for array in (getattr(one, name), one.plan_row()[place], one.__reduce__()[1][place]):
            assert not isinstance(array.base, np.ndarray)
            array.dtype = "i8"
            array.shape = (array.size, 1)
            array.__setstate__((1, (1,), np.dtype("i8"), False, bytes(8)))
    assert layer == Dense(np.ones((1, 16)), [1.0])
    for again in (net, Network([layer]), Network(net.layers)):
        assert same_bits(again(x), expected)


class Wide(Dense):
    """Says that it has fewer outputs than it has."""

    n_outputs = property(lambda self: 3)  # type: ignore[assignment]


class Other(Dense):
    """Becomes another layer."""

    def astype(self, dtype: Any) -> Dense:
        return Dense(np.ones((4000, 2), dtype))


def test_a_layer_that_hands_out_other_memory() -> None:
    mine = np.full((1, 2), 9.0)
    kind = type(
        "Lent", (Dense,), {"weight": property(lambda self: mine), "bias": property(lambda self: mine[0])}
    )
    layer, x = kind(np.ones((1, 2)), [1.0]), np.ones((40, 2))
    for call in (layer, Network([layer])):
        assert same_bits(call(x), np.full((40, 1), 3.0))


@pytest.mark.parametrize("kind", [Wide, Other])
def test_a_layer_that_lies(kind: type[Dense]) -> None:
    first = kind(np.ones((4000, 2)), np.ones(4000)) if kind is Wide else kind(np.ones((3, 2)))
    with pytest.raises(ValueError, match="expected 4000"):
        Network([first, Dense(np.ones((1, 3)))])


def test_parameters_that_do_not_fit() -> None:
    layer = Dense(np.ones((3, 2)), np.ones(3))
    layer._bias = np.ones(2)
    with pytest.raises(ValueError, match=r"weight \(3, 2\) and bias \(2,\)"):
        Network([layer])
