"""Networks over Dask arrays and dataframes: more rows than a machine's memory, or more than one machine."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fastnn._core.checks import wrong_type
from fastnn.extras import need
from fastnn.network import Network
from fastnn.predict.outputs import outputs

Array = np.ndarray[Any, Any]


def predict(net: Network, data: Any) -> Any:
    """Return the outputs of a network for every row of a Dask collection, to be computed when asked for.

    Parameters
    ----------
    net : Network
        It is a task of its own in the graph, so each worker gets it once, whatever the number of chunks, and
        one that comes for another that was lost gets it again.
    data : dask.array.Array, shape (B, n_inputs), or dask.dataframe.DataFrame with n_inputs columns
        Real numbers, of any dtype. An array's chunks are put together along its columns, and stay as they are
        along its rows, whose number needn't be known.

    Returns
    -------
    dask.array.Array, shape (B, n_outputs), or dask.dataframe.DataFrame
        In the network's dtype: the bits are those of ``net(x)``, whoever computes them. A dataframe has
        data's index and partitions, and columns ``output_0``, ``output_1``, and so on.

    Raises
    ------
    ImportError
        If Dask isn't installed.
    TypeError
        If data is no such collection, or holds no real numbers.
    ValueError
        If data has another number of columns.

    Notes
    -----
    A task uses one thread: a worker with n threads runs n tasks at once, and more threads in each of them
    would only get in each other's way.

    Examples
    --------
    >>> import dask.array  # doctest: +SKIP
    >>> import fastnn, fastnn.dask
    >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "relu")])
    >>> x = dask.array.random.random((1_000_000, 2), chunks=(100_000, 2))  # doctest: +SKIP
    >>> fastnn.dask.predict(net, x)  # doctest: +SKIP
    dask.array<_outputs_of_block, shape=(1000000, 1), dtype=float64, chunksize=(100000, 1), ...>
    """
    dask_array = need("dask.array", "fastnn.dask")
    frames = sys.modules.get("dask.dataframe")  # it needs pandas, but who has a dataframe has it already
    if isinstance(data, dask_array.Array):
        return _predict_array(net, data)
    if frames is not None and isinstance(data, frames.DataFrame):
        return _predict_frame(net, data)
    raise wrong_type("data", data, "an array or dataframe of Dask's")


def _predict_array(net: Network, data: Any) -> Any:
    if data.ndim != 2:
        raise ValueError(f"data has shape {data.shape}, but the network expects (B, {net.n_inputs})")
    _check_columns(net, data.shape[1])
    _check_dtype("data", data.dtype)
    data = data.rechunk({1: -1})
    return data.map_blocks(
        _outputs_of_block,
        net=_one_task(net),
        dtype=net.dtype,
        chunks=(data.chunks[0], (net.n_outputs,)),
        meta=np.empty((0, 0), net.dtype),
    )


def _predict_frame(net: Network, data: Any) -> Any:
    _check_columns(net, len(data.columns))
    for name, dtype in data.dtypes.items():
        _check_dtype(f"column {name!r}", dtype)
    return data.map_partitions(
        _outputs_of_partition, net=_one_task(net), meta=_outputs_of_partition(data._meta, net)
    )


def _one_task(net: Network) -> Any:
    """Return the network as a task that others depend on, instead of being a part of each."""
    return need("dask", "fastnn.dask").delayed(net, pure=True)


def _check_columns(net: Network, width: int) -> None:
    if width != net.n_inputs:
        raise ValueError(f"data has {width} columns, but the network expects {net.n_inputs}")


def _check_dtype(name: str, dtype: Any) -> None:
    if dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {dtype}, expected real numbers")


def _outputs_of_block(block: Array, net: Network) -> Array:
    return net(block, threads=1)


def _outputs_of_partition(frame: Any, net: Network) -> Any:
    y = net(frame.to_numpy(np.float64, na_value=np.nan), threads=1)
    return type(frame)(y, index=frame.index, columns=outputs(net).layout.names)
