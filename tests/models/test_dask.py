"""`fastnn.dask`: the bits of a call, whoever computes them, even after a worker was killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from importlib.machinery import BuiltinImporter
from typing import Any

import numpy as np
import pytest
from support import Array, needs, same_bits

import fastnn
from fastnn import Dense, Network
from fastnn.dask import predict

dask_array = needs("dask.array")
frames = needs("dask.dataframe")
distributed = needs("distributed")
pandas = needs("pandas")

RNG = np.random.default_rng(0)
NET = Network(
    [
        Dense(RNG.standard_normal((50, 6)), RNG.standard_normal(50), "tanh"),
        Dense(RNG.standard_normal((3, 50))),
    ],
    "float32",
)
X = RNG.standard_normal((1000, 6))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two worker processes of two threads each."""
    # What the workers should see of threads, the cluster leaves in this process too.
    before = dict(os.environ)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
    os.environ.clear()
    os.environ.update(before)


def chunked(rows: int = 90, columns: int = 4) -> Any:
    return dask_array.from_array(X, chunks=(rows, columns))


class TestArrays:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_bits_and_shape(self, dtype: str) -> None:
        net = NET.astype(dtype)
        y = predict(net, chunked())
        assert (y.shape, y.dtype) == ((1000, 3), net.dtype)
        assert y.chunks == (chunked().chunks[0], (3,))
        assert type(y._meta) is np.ndarray
        assert y._meta.dtype == net.dtype
        assert same_bits(y.compute(scheduler="synchronous"), net(X))
        assert same_bits(y.compute(scheduler="threads"), net(X))
        assert same_bits(y[123:200].compute(scheduler="synchronous"), net(X[123:200]))

    def test_is_lazy(self) -> None:
        def fail(block: Array) -> Array:
            raise RuntimeError("computed")

        y = predict(NET, chunked().map_blocks(fail, dtype=float, meta=np.empty((0, 0))))
        with pytest.raises(RuntimeError, match="computed"):
            y.compute(scheduler="synchronous")

    def test_rows_of_unknown_number(self) -> None:
        frame = frames.from_pandas(pandas.DataFrame(X), npartitions=4)
        y = predict(NET, frame.to_dask_array())
        assert same_bits(y.compute(scheduler="synchronous"), NET(X))

    def test_of_no_rows(self) -> None:
        y = predict(NET, dask_array.from_array(X[:0]))
        assert y.compute(scheduler="synchronous").shape == (0, 3)

    def test_each_task_takes_one_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def call(self: Network, x: Array, out: Array | None = None, threads: int | None = None) -> Array:
            asked.append(threads)
            return np.zeros((len(x), 3), np.float32)

        monkeypatch.setattr(Network, "__call__", call)
        predict(NET, chunked()).compute(scheduler="synchronous")
        assert asked == [1] * 12


class TestFrames:
    def test_bits_and_index(self) -> None:
        frame = pandas.DataFrame(X, columns=list("abcdef"), index=RNG.permutation(1000))
        frame["b"] = frame["b"].astype("float32")
        z = predict(NET, frames.from_pandas(frame, npartitions=7, sort=False))
        assert z.npartitions == 7
        assert list(z.dtypes) == [np.float32] * 3
        found = z.compute(scheduler="synchronous")
        assert list(found.columns) == ["output_0", "output_1", "output_2"]
        assert found.index.equals(frame.index)
        assert same_bits(found.to_numpy(), NET(frame.to_numpy()))

    def test_divisions_are_kept(self) -> None:
        data = frames.from_pandas(pandas.DataFrame(X), npartitions=5)
        z = predict(NET, data)
        assert z.divisions == data.divisions
        assert same_bits(z.loc[100:300].compute(scheduler="synchronous").to_numpy(), NET(X[100:301]))

    def test_missing_numbers_and_other_dtypes(self) -> None:
        frame = pandas.DataFrame(X)
        frame[0] = pandas.array([None, *range(999)], "Int64")
        frame[1] = frame[1] > 0
        found = predict(NET, frames.from_pandas(frame, npartitions=3)).compute(scheduler="synchronous")
        x = X.copy()
        x[:, 0], x[:, 1] = [np.nan, *range(999)], X[:, 1] > 0
        assert np.isnan(found.loc[0]).all()
        assert same_bits(found.to_numpy()[1:], NET(x)[1:])


class TestErrors:
    @pytest.mark.parametrize(
        ("data", "kind", "message"),
        [
            (X, TypeError, "data has type ndarray, expected an array or dataframe of Dask's"),
            (pandas.DataFrame(X), TypeError, "data has type DataFrame, expected"),
            (dask_array.zeros((5, 7)), ValueError, "data has 7 columns, but the network expects 6"),
            (dask_array.zeros(6), ValueError, r"data has shape \(6,\), but the network expects \(B, 6\)"),
            (dask_array.zeros((5, 6), dtype=complex), TypeError, "data has dtype complex128"),
            (frames.from_pandas(pandas.DataFrame(X[:, :5])), ValueError, "data has 5 columns"),
            (
                frames.from_pandas(pandas.DataFrame(dict(zip("abcdef", [[1.0]] * 5 + [["?"]], strict=True)))),
                TypeError,
                r"column 'f' has dtype .*, expected real numbers",
            ),
        ],
    )
    def test_come_before_anything_is_computed(self, data: Any, kind: type[Exception], message: str) -> None:
        with pytest.raises(kind, match=message):
            predict(NET, data)

    def test_without_dask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("dask", "dask.array"):
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [BuiltinImporter])
        with pytest.raises(ImportError, match=r"fastnn\.dask needs dask: pip install dask"):
            predict(NET, X)


def count_networks() -> None:
    """Count in a worker how many networks are built there, as unpickling one does."""
    build = fastnn.Network.__init__

    def counted(self: Network, *arguments: Any) -> None:
        fastnn.built += 1  # type: ignore[attr-defined]
        build(self, *arguments)

    fastnn.built = 0  # type: ignore[attr-defined]
    fastnn.Network.__init__ = counted  # type: ignore[method-assign]


def networks_built() -> int:
    return fastnn.built  # type: ignore[attr-defined,no-any-return]


def slow(block: Array) -> Array:
    time.sleep(0.05)
    return block


class TestCluster:
    def test_a_worker_gets_the_network_once(self, client: Any) -> None:
        client.run(count_networks)
        y = predict(NET, chunked(rows=20).map_blocks(slow, dtype=float, meta=np.empty((0, 0))))
        assert same_bits(y.compute(), NET(X))
        assert list(client.run(networks_built).values()) == [1, 1]

    def test_the_bits_are_the_same_after_a_worker_was_killed(self, client: Any) -> None:
        y = predict(NET, chunked(rows=10).map_blocks(slow, dtype=float, meta=np.empty((0, 0))))
        workers = client.run(os.getpid)
        future = client.compute(y)
        key = y.__dask_keys__()[0][0]
        tasks = client.cluster.scheduler.tasks
        deadline = time.monotonic() + 60
        while sum(name[0] == key[0] and task.state == "memory" for name, task in tasks.items()) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not future.done()
        os.kill(next(iter(workers.values())), getattr(signal, "SIGKILL", signal.SIGTERM))
        assert same_bits(future.result(timeout=60), NET(X))
        assert client.run(os.getpid) != workers
