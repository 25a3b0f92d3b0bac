"""`Network.predict` and `iter_predict`: the bits of a call, and no more in memory than a block."""

from __future__ import annotations

import io
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import Array, every_dtype, run_python, same_bits

from fastnn import Dense, Network


def network(dtype: Any = np.float32) -> Network:
    rng = np.random.default_rng(0)
    hidden = Dense(rng.standard_normal((9, 5)), rng.standard_normal(9), "tanh")
    return Network([hidden, Dense(rng.standard_normal((3, 9)), None, "softmax")], dtype)


def rows(n: int, dtype: Any = np.float64) -> Array:
    return np.random.default_rng(1).standard_normal((n, 5)).astype(dtype)


class Sliced:
    """An array of which only slices can be had, as of a data set in a file."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape = array.shape
        self.taken: list[int] = []

    def __getitem__(self, rows: slice) -> Array:
        block = self.array[rows]
        self.taken.append(len(block))
        return block


@every_dtype
class TestBits:
    @pytest.mark.parametrize("batch_size", [None, 1, 7, 100, 1000])
    @pytest.mark.parametrize("x", [rows(100), rows(100, "f4"), rows(100, ">f8").T.copy().T, rows(0)], ids=str)
    def test_of_an_array(self, dtype: np.dtype[Any], batch_size: int | None, x: Array) -> None:
        net = network(dtype)
        assert same_bits(net.predict(x, batch_size), net(x))

    def test_of_a_file(self, dtype: np.dtype[Any], tmp_path: Path) -> None:
        net, x = network(dtype), rows(100, "f4")
        np.save(tmp_path / "x.npy", x)
        y = net.predict(np.load(tmp_path / "x.npy", mmap_mode="r"), batch_size=9)
        assert type(y) is np.ndarray
        assert same_bits(y, net(x))

    @pytest.mark.parametrize("sizes", [[], [0], [3], [3, 0, 40, 1]], ids=str)
    def test_of_blocks(self, dtype: np.dtype[Any], sizes: list[int]) -> None:
        net, x = network(dtype), rows(sum(sizes))
        blocks = np.split(x, np.cumsum(sizes)[:-1]) if sizes else []
        expected = net(x)
        assert same_bits(net.predict(iter(blocks)), expected)
        assert same_bits(net.predict(block.tolist() if len(block) else block for block in blocks), expected)
        for block, output in zip(blocks, net.iter_predict(blocks), strict=True):
            assert same_bits(output, net(block))
        if sizes:
            assert same_bits(net.predict(blocks), expected)
            assert same_bits(net.predict(tuple(blocks)), expected)


def test_lists() -> None:
    net, x = network(), rows(10)
    assert same_bits(net.predict(x.tolist()), net(x))
    assert same_bits(net.predict(list(x)), net(x))


def test_a_block_at_a_time() -> None:
    x = Sliced(rows(100))
    assert same_bits(network().predict(x, batch_size=30), network()(x.array))
    assert x.taken == [30, 30, 30, 10]


def test_memory_stays(tmp_path: Path) -> None:
    net = Network([Dense(np.ones((1, 64), np.float32))])
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.int16, (500_000, 64))
    tracemalloc.start()
    try:
        net.predict(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 500_000 * 4 + 8 * 2**20


def test_blocks_are_asked_for_one_by_one() -> None:
    made = []

    def blocks() -> Iterator[Array]:
        for i in range(3):
            made.append(i)
            yield rows(2)

    outputs = network().iter_predict(blocks())
    assert made == []
    next(outputs)
    assert made == [0]
    next(outputs)
    assert made == [0, 1]


@pytest.mark.parametrize("x", [rows(50), [rows(20), rows(30)]], ids=["array", "blocks"])
def test_progress(x: Any, capsys: pytest.CaptureFixture[str]) -> None:
    network().predict(x)
    assert capsys.readouterr() == ("", "")
    network().predict(x, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "50.0" in err
    assert "rows/s" in err


def test_no_thread_stays() -> None:
    """A server may fork after it; without progress nothing is imported, for which memory may be short."""
    code = """
import sys, threading
import numpy as np, fastnn
net = fastnn.Network([fastnn.Dense(np.ones((3, 5)))])
x = np.ones((20, 5))
before = set(sys.modules)
for given in (x, iter([x])):
    net.predict(given)
list(net.iter_predict([x]))
print(set(sys.modules) - before, threading.active_count())
net.predict(x, progress=True)
print(threading.active_count(), file=sys.stderr)
"""
    done = run_python(code)
    assert (done.returncode, done.stdout) == (0, "set() 1\n")
    assert done.stderr.splitlines()[-1] == "1"


class TestErrors:
    @pytest.mark.parametrize("x", [rows(4)[:, 1:], rows(4)[0], rows(4)[None], [1, 2, 3], 1.0], ids=np.shape)
    def test_shape(self, x: Any) -> None:
        shape = str(np.shape(x)).replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(ValueError, match=rf"x has shape {shape}, but the network expects \(B, 5\)"):
            network().predict(x)

    def test_of_a_block(self) -> None:
        with pytest.raises(ValueError, match=r"block 1 has shape \(5,\), but the network expects \(B, 5\)"):
            network().predict(iter([rows(4), rows(4)[0]]))
        with pytest.raises(TypeError, match="block 0 has dtype complex128, expected real numbers"):
            list(network().iter_predict([rows(2) + 1j]))

    def test_never_built(self) -> None:
        net = Network.__new__(Network)
        for x in (rows(2), [rows(2), rows(2)], [[1.0]]):
            for size in (None, 10):
                with pytest.raises(RuntimeError, match="never built"):
                    net.predict(x, size)
            with pytest.raises(RuntimeError, match="never built"):
                list(net.iter_predict(x))

    @pytest.mark.parametrize("x", ["rows.npy", "", b"rows.npy", b"", Path("rows.npy")], ids=repr)
    def test_text_and_paths(self, x: Any) -> None:
        expected = f"has type {type(x).__name__}, expected rows of numbers, not text or a path$"
        with pytest.raises(TypeError, match=f"^x {expected}"):
            network().predict(x)
        with pytest.raises(TypeError, match=f"^blocks {expected}"):
            list(network().iter_predict(x))

    @pytest.mark.parametrize("x", [np.full((2, 5), "a"), rows(2) * 1j, [["a"] * 5], np.full((2, 5), None)])
    def test_dtype(self, x: Any) -> None:
        with pytest.raises(TypeError, match="x has dtype"):
            network().predict(x)

    @pytest.mark.parametrize(
        ("size", "kind"), [(0, ValueError), (-3, ValueError), (1.5, TypeError), (True, TypeError)]
    )
    def test_batch_size(self, size: Any, kind: type[Exception]) -> None:
        with pytest.raises(kind, match=r"batch_size (is|has) .*, expected an integer from 1 up"):
            network().predict(rows(3), size)


def test_progress_without_a_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    x = np.ones((10, network().n_inputs), np.float32)
    for stderr in (None, closed):
        monkeypatch.setattr(sys, "stderr", stderr)
        assert same_bits(network().predict(x, progress=True), network()(x))


def test_progress_to_something_like_a_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=written.write, flush=written.flush))
    network().predict(np.ones((10, network().n_inputs), np.float32), progress=True)
    assert "rows/s" in written.getvalue()
