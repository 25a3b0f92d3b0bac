"""Outputs: one table of formats, and what is written of a network's outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np

from fastnn.arguments import CommandError
from fastnn.network import Network
from fastnn.predict.npy import NpyWriter
from fastnn.predict.parquet import ParquetWriter
from fastnn.predict.tables import Array
from fastnn.predict.text import CsvWriter
from fastnn.predict.writers import Layout, Writer

# By a file's suffix: what writes it.
WRITERS: dict[str, Callable[[BinaryIO, Layout], Writer]] = {
    ".csv": CsvWriter,
    ".npy": NpyWriter,
    ".parquet": ParquetWriter,
}
PROBABILITIES = ("softmax", "sigmoid")
NO_CLASS = -1


class Answer(NamedTuple):
    """What is written of each row, and how it comes from the network's outputs."""

    layout: Layout
    of: Callable[[Array], Array]


def outputs(net: Network) -> Answer:
    """Answer with the outputs as they are."""
    names = [f"output_{i}" for i in range(net.n_outputs)]
    return Answer(Layout(names, net.dtype, (net.n_outputs,)), lambda y: y)


def probabilities(net: Network) -> Answer:
    """Answer with the outputs of a network whose outputs are probabilities."""
    last = net.layers[-1].activation
    if last not in PROBABILITIES:
        raise CommandError(f"--proba: the network ends in {last}, whose outputs are no probabilities")
    return outputs(net)


def classes(net: Network) -> Answer:
    """Answer with the index of the largest output, or whether a single sigmoid is above a half."""
    single = net.n_outputs == 1
    last = net.layers[-1].activation
    if net.n_outputs == 0 or (single and last != "sigmoid"):
        raise CommandError(
            f"--classes: the network has {net.n_outputs} outputs of {last}, which are no classes"
        )

    def of(y: Array) -> Array:
        found = (y[:, 0] > 0.5).astype(np.int64) if single else y.argmax(axis=1)
        found[np.isnan(y).any(axis=1)] = NO_CLASS
        return found

    return Answer(Layout(["class"], np.dtype(np.int64), ()), of)


# By what the command line calls it.
ANSWERS: dict[str, Callable[[Network], Answer]] = {
    "outputs": outputs,
    "proba": probabilities,
    "classes": classes,
}
