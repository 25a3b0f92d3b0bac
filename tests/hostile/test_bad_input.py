"""Every public function is given anything at all, and does what it is documented to do.

It returns what it does for plain copies of its arguments, or raises an error of its docstring; nothing is
written but `out`. FASTNN_HOSTILE_EXAMPLES says how many examples each function gets; `make stress` asks for
many.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calls import ARRAYS, BY_NAME, CALLS, LAYER, NETS, NO_FUNCTIONS, PARAMETERS, WIDE, WITHOUT_ARGUMENTS, Call
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import Array, bits, same_bits
from values import LARGE, Liar, Subclass, anything, hostile_arrays, own_errors

import fastnn
from fastnn import Dense, Network, Perceptron
from fastnn._core.dispatch import address
from fastnn.network import Trace

EXAMPLES = int(os.environ.get("FASTNN_HOSTILE_EXAMPLES", "40"))


def test_every_public_function_is_called() -> None:
    called = {name.partition(" ")[0].removesuffix("()") for name in CALLS}
    methods = {
        f"{owner.__name__}.{name}"
        for owner in (Dense, Network, Perceptron)
        for name, _ in inspect.getmembers(owner, callable)
        if not name.startswith("_")
    }
    assert {*fastnn.__all__, *methods} - called == WITHOUT_ARGUMENTS | NO_FUNCTIONS


@pytest.fixture(autouse=True)
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = fastnn.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield
    fastnn.set_num_threads(before)


def draw_arguments(data: st.DataObject, call: Call) -> tuple[dict[str, Any], int]:
    """Draw arguments, right and wrong, and how many of them are given by place; the others are by name."""
    arguments: dict[str, Any] = {}
    first: Any = None
    by_place = data.draw(st.integers(1, len(call.good)))
    for i, (name, values) in enumerate(call.good.items()):
        by_place = min(by_place, i) if name in BY_NAME else by_place
        if i >= by_place and data.draw(st.booleans()):
            continue
        right = st.integers(0, len(values) - 1).map(lambda i, values=values: copy(values[i]))
        kinds = [right, right, right, anything()]
        if isinstance(first, np.ndarray):
            x = np.asarray(first)
            kinds.append(st.sampled_from([x, x[::-1] if x.ndim else x, x.T, x[1:] if x.ndim else x]))
            kinds.append(st.sampled_from([p for p in PARAMETERS if p is not None]))
            if name == "out" and x.size < LARGE:
                kinds.append(hostile_arrays(x.shape))
        arguments[name] = data.draw(st.one_of(kinds))
        first = arguments[name] if i == 0 else first
    return arguments, by_place


def plain(value: Any) -> Any:
    """Return a copy of what NumPy makes a real array of, as it lays one out itself; all else as it is."""
    if not isinstance(value, int | float):  # these take the dtype of what they come with
        with contextlib.suppress(Exception):  # hostile objects raise what they like
            array = np.asarray(value)
            if array.dtype.kind in "biuf" and array.size < LARGE:
                return array.astype(array.dtype.newbyteorder("="), "C")
    return value


def same(got: Any, expected: Any) -> bool:
    """Whether two results have the same bits; one NaN is like another."""
    if isinstance(got, tuple | list | Trace):
        return len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(got, np.ndarray | np.generic | float):
        a, b = np.asarray(got), np.asarray(expected)
        alike = a.shape == b.shape and a.dtype == b.dtype
        return alike and bool(np.all((bits(a) == bits(b)) | (np.isnan(a) & np.isnan(b))))
    return bool(got == expected)


def memory(value: Any) -> tuple[Array, bytes] | None:
    """Return the array that holds an array's memory, and what lies in it; None for what holds objects."""
    if not isinstance(value, np.ndarray):
        return None
    while isinstance(value.base, np.ndarray):
        value = value.base
    owner = np.asarray(value)
    return None if owner.dtype.hasobject else (owner, owner.tobytes("A"))


def check_memory(before: dict[str, tuple[Array, bytes] | None], out: Array | None = None) -> None:
    """Raise unless all memory is as it was, but for the elements of `out`."""
    for name, kept in before.items():
        if kept is not None:
            owner, data = kept
            expected = bytearray(data)
            if out is not None and np.may_share_memory(owner, out):
                place = address(out) - address(owner)
                np.ndarray(out.shape, out.dtype, expected, place, out.strides)[...] = out
            assert owner.tobytes("A") == expected, f"{name} was written to"


some_examples = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # to make such examples smaller takes minutes
    database=None,
)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CALLS)
@some_examples
@given(data=st.data())
def test_anything(name: str, data: st.DataObject) -> None:
    call_with_anything(name, data)


@some_examples
@given(name=st.sampled_from(sorted(CALLS)), data=st.data())
def test_any_function(name: str, data: st.DataObject) -> None:
    """The same for tools/fuzz_calls.py, where one test chooses the function too."""
    call_with_anything(name, data)


def call_with_anything(name: str, data: st.DataObject) -> None:
    call = CALLS[name]
    arguments, by_place = draw_arguments(data, call)
    out = arguments.get("out")
    copies = {
        key: plain(value) if key in ARRAYS else value for key, value in arguments.items() if key != "out"
    }
    allowed = (*call.documented, *(error for value in arguments.values() for error in own_errors(value)))
    before = {key: memory(value) for key, value in arguments.items()}
    before |= {f"parameter {i}": memory(parameter) for i, parameter in enumerate(PARAMETERS)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of odd inputs
        try:
            got = call.make(arguments, by_place)
        except allowed:
            check_memory(before)
            return
        assert out is None or got is out
        check_memory(before, None if out is None else np.asarray(out))
        if any(copies[key] is not arguments[key] for key in copies):
            assert same(got, call.make(copies)), "plain copies give another result"


def test_an_array_that_another_thread_resizes() -> None:
    """NumPy refuses to resize what a call holds; refcheck=False is a promise that nobody does."""
    net = Network([Dense(np.ones((64, 500), np.float32), None, "tanh")])
    good = np.ones((4000, 500), np.float32)
    expected = net(good)
    box, refused, done = [good.copy()], [0], threading.Event()
    resized: list[str] = []

    def resize() -> None:
        while not done.wait(0.0001):
            try:
                box[0].resize((1, 1))
            except ValueError:
                refused[0] += 1

    thread = threading.Thread(target=resize)
    thread.start()
    try:
        for i in range(60):
            box[0] = good.copy()
            try:
                assert same_bits(net(box[0], threads=1 + i % 2), expected)
            except ValueError as error:
                resized.append(str(error))  # before the call
    finally:
        done.set()
        thread.join()
    assert refused[0] > 0
    assert all("x has shape (1, 1)" in message for message in resized)


@pytest.mark.parametrize("f", [NETS[0], LAYER, fastnn.relu, fastnn.softmax])
def test_an_array_that_lies_about_its_shape(f: Callable[..., Any]) -> None:
    """What is written to is the memory that there is: the liar says that it has 100 000 rows."""
    x = np.ones((100_000, 2), np.float32)
    room = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"^out has shape \(1, 2\), expected \(100000, "):
        f(x, room[1:2].view(Liar))
    assert not room.any()
    right = room[1:].view(Liar)
    if f is not LAYER:
        expected = f(x[:2]).astype(np.float32)
        assert f(x[:2], right) is right
        assert same_bits(room[1:], expected)


def test_an_array_that_lies_about_its_length() -> None:
    """It says that it has 7 rows and has 2^45, of which the first is wrong already."""
    endless = np.broadcast_to(np.zeros((), np.float32), (2**45, 3)).view(Subclass)
    with pytest.raises(TypeError, match=r"^layers\[0\] has type Subclass"):
        Network(endless)
    with pytest.raises(TypeError, match=r"^activation has type Subclass"):
        fastnn.from_torch({"0.weight": np.ones((3, 2))}, endless)
    with pytest.raises(ValueError, match=r"^x has shape \(\), "):
        NETS[0].predict(np.zeros((), np.float32).view(Liar))


def test_an_object_that_changes_between_questions() -> None:
    class Fickle:
        def __init__(self) -> None:
            self.asked = 0

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            self.asked += 1
            return np.ones((self.asked, 2), dtype)

    x = Fickle()
    assert NETS[1](x).shape == (1, 2)
    assert x.asked == 1


def test_inputs_changed_in_the_middle_cannot_crash() -> None:
    """The result is then of some mixture; the process goes on, and the next call is right."""
    x = np.random.default_rng(0).standard_normal((3000, 65)).astype(np.float32)
    expected = WIDE(x)
    mine, done = x.copy(), threading.Event()

    def change() -> None:
        while not done.is_set():
            mine[...] = np.nan
            mine[...] = x

    thread = threading.Thread(target=change)
    thread.start()
    for _ in range(50):
        assert WIDE(mine).shape == (3000, 70)
    done.set()
    thread.join()
    assert same_bits(WIDE(mine), expected)
