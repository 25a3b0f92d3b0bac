"""Rows in blocks: what goes through a network without being in memory all at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from fastnn._core.checks import positive_integer, real_array, wrong_type
from fastnn._core.engine import Plan

Array = np.ndarray[Any, Any]

# Of inputs or outputs, whichever are more. At the end of a block the threads wait for each other: a moment,
# unless another process has one of their processors. With blocks of 8 MiB that took as long as the work.
BLOCK_BYTES = 32 * 2**20


def rows_in_block(plan: Plan, batch_size: int | None = None) -> int:
    """Return how many rows a block has: as many as were asked for, else as many as BLOCK_BYTES hold."""
    if batch_size is not None:
        return positive_integer("batch_size", batch_size)
    return max(1, BLOCK_BYTES // (plan.dtype.itemsize * max(plan.n_inputs, plan.n_outputs, 1)))


def outputs_of(plan: Plan, blocks: Iterable[Any]) -> Iterator[Array]:
    """Yield the outputs of one block after the other."""
    check_built(plan)
    refuse_text("blocks", blocks)
    for i, block in enumerate(blocks):
        yield plan(rows(f"block {i}", block, plan.n_inputs))


def predict(plan: Plan, x: Any, batch_size: int | None, progress: bool) -> Array:
    """Return the outputs of an array, or of an iterable of blocks, as `Network.predict` does."""
    check_built(plan)
    step = rows_in_block(plan, batch_size)
    refuse_text("x", x)
    if is_blocks(x):
        with progress_bar(None, progress) as bar:
            outputs = [np.empty((0, plan.n_outputs), plan.dtype)]
            for output in outputs_of(plan, x):
                outputs.append(output)
                bar.update(len(output))
        return np.concatenate(outputs)
    if isinstance(x, np.ndarray) or not hasattr(x, "shape"):
        x = real_array("x", x)  # no subclass, which can say that it has another shape than it has
    check_shape("x", tuple(x.shape), plan.n_inputs)
    n = x.shape[0]
    out = np.empty((n, plan.n_outputs), plan.dtype)
    with progress_bar(n, progress) as bar:
        for start in range(0, n, step):
            target = out[start : start + step]
            plan(x[start : start + step], target)
            bar.update(len(target))
    return out


def refuse_text(name: str, value: Any) -> None:
    """Raise if a value is text, whose characters would be blocks, or a path."""
    if isinstance(value, str | bytes | os.PathLike):
        raise wrong_type(name, value, "rows of numbers, not text or a path")


def is_blocks(x: Any) -> bool:
    """Whether x is an iterable of blocks rather than an array, or lists that become one."""
    if hasattr(x, "shape") or not isinstance(x, Iterable):
        return False
    return not isinstance(x, list | tuple) or (len(x) > 0 and getattr(x[0], "ndim", None) == 2)


def check_built(plan: Plan) -> None:
    """Raise, as a call does, if the constructor never ran."""
    plan(np.empty((0, plan.n_inputs)))


def rows(name: str, value: Any, width: int) -> Array:
    """Return a value as an array of rows with that many numbers, or say why it isn't one."""
    array = real_array(name, value)
    check_shape(name, array.shape, width)
    return array


def check_shape(name: str, shape: tuple[int, ...], width: int) -> None:
    """Raise unless a shape is that of rows with so many numbers."""
    if len(shape) != 2 or shape[1] != width:
        raise ValueError(f"{name} has shape {shape}, but the network expects (B, {width})")


class NoBar:
    """Shows nothing."""

    def update(self, rows: int) -> None:
        """Count no rows."""


def progress_bar(total: int | None, shown: bool | None) -> AbstractContextManager[Any]:
    """Return a bar that counts rows on stderr, if that is open; `shown` None is where that is a terminal."""
    is_open = sys.stderr is not None and not getattr(sys.stderr, "closed", False)
    if not is_open or not (sys.stderr.isatty() if shown is None else shown):
        return nullcontext(NoBar())
    from tqdm import tqdm  # an import that few need

    # No thread that redraws a bar that stands still: it would be there at the next fork, for good.
    bar = type("Bar", (tqdm,), {"monitor_interval": 0})
    return bar(total=total, unit=" rows", unit_scale=True, miniters=1)  # type: ignore[no-any-return]
