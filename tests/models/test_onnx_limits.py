"""ONNX files that ask for more work than they hold: refused within a second of the processor and 100 MB."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz import MEGABYTES, SECONDS, forget_peak, peak_megabytes
from onnx_peers import model_of, node

import fastnn
from fastnn import Dense, ModelFileError, Network

W = np.ones((4, 3), np.float32)
SQUARE = np.eye(4, dtype=np.float32)
MANY = 19_900  # operators


def chain(first: str, *operators: tuple[str, str], **attributes: Any) -> list[Any]:
    """Return many nodes, each of what the last one made, which ``@`` stands for."""
    names = [first, *(f"c{i}" for i in range(MANY // len(operators) * len(operators)))]
    made = [
        node(operator, inputs.replace("@", before), after, **attributes)
        for i, (before, after) in enumerate(pairwise(names))
        for operator, inputs in [operators[i % len(operators)]]
    ]
    return [*made, node("Identity", names[-1], "end")]


def all_of(operator: str, name: str, count: int, **attributes: Any) -> list[Any]:
    """Return two nodes of many inputs."""
    pairs = pairwise((name, "half", "end"))
    return [node(operator, " ".join([before] * count), after, **attributes) for before, after in pairs]


# What makes `end`, of the input or of the weight.
OF_THE_INPUT: dict[str, Callable[[], list[Any]]] = {
    "sums": lambda: chain("x", ("Add", "@ @")),
    "a long sum": lambda: all_of("Sum", "x", 9000),
    "products": lambda: chain("x", ("MatMul", "@ e")),
    "activations": lambda: chain("x", ("Relu", "@")),
    "scalings": lambda: chain("x", ("BatchNormalization", "@ v v v v")),
    "concatenations": lambda: chain("x", ("Concat", "@"), axis=1),
}
OF_THE_WEIGHT: dict[str, Callable[[], list[Any]]] = {
    "constants": lambda: chain("w", ("Add", "@ one"), ("Div", "@ one"), ("Sub", "@ one")),
    "casts": lambda: chain("w", ("Cast", "@"), to=16),
    "shapes": lambda: chain("w", ("Reshape", "@ shape"), ("Unsqueeze", "@ axis"), ("Squeeze", "@ axis")),
    "repetitions": lambda: chain("w", ("Gather", "@ many")),
    "doublings": lambda: chain("w", ("Concat", "@ @"), axis=0),
    "sums of constants": lambda: chain("w", ("Sum", "@ @ @")),
    "bytes that become numbers": lambda: chain("bytes", ("Cast", "@"), to=11),
}
CONSTANTS = {
    "w": W,
    "e": SQUARE,
    "v": np.ones(4, np.float32),
    "one": np.float32(1),
    "shape": np.array([4, 3]),
    "axis": np.array([0]),
    "many": np.zeros(1000, np.int64),
}


def refused(nodes: list[Any], constants: dict[str, Any], path: Path) -> str:
    """Return how a file is refused, in time."""
    path.write_bytes(model_of(nodes, constants).SerializeToString())
    nodes.clear()
    forget_peak()
    before, began = peak_megabytes(), time.process_time()
    with pytest.raises(ModelFileError) as caught:
        fastnn.from_onnx(path)
    assert time.process_time() - began < SECONDS
    assert peak_megabytes() - before < MEGABYTES
    return str(caught.value)


@pytest.mark.parametrize("name", [*OF_THE_INPUT, *OF_THE_WEIGHT])
def test_more_work_than_the_file_holds(name: str, path: Path) -> None:
    data = name in OF_THE_INPUT
    nodes = (OF_THE_INPUT if data else OF_THE_WEIGHT)[name]()
    nodes.append(node("MatMul", "end w" if data else "x end", "y"))
    constants = {**CONSTANTS, "bytes": np.ones((4, 400_000), np.int8)} if "bytes" in name else CONSTANTS
    assert "more numbers than a model with so few parameters needs" in refused(nodes, constants, path)


def test_many_constants_pay_for_layers_only(path: Path) -> None:
    constants = {"w": W, **{f"k{i}": np.float32(i) for i in range(3000)}}
    nodes = [
        node("Sum", " ".join(name for name in constants if name != "w"), "k"),
        node("Add", "x k", "shifted"),
        node("Sum", " ".join(["shifted"] * 5000), "end"),
        node("MatMul", "end w", "y"),
    ]
    assert "more numbers than a model with so few parameters needs" in refused(nodes, constants, path)


@pytest.mark.parametrize("activation", ["identity", "silu", "clip(0, 1)"])
@pytest.mark.parametrize("bias", [None, [0.5]])
def test_many_small_layers(path: Path, activation: str, bias: Any) -> None:
    net = Network([Dense([[1.0]], bias, activation)] * 2500)
    net.to_onnx(path)
    assert fastnn.from_onnx(path) == net


def test_more_parts_than_are_read(path: Path) -> None:
    nodes = [node("MatMul", "x w", "y"), *(node("Neg", "w", f"c{i}") for i in range(100_000))]
    assert "its nodes have 300004 parts, expected 150000 at most" in refused(nodes, {"w": W}, path)
    nodes = [*all_of("Sum", "w", 100_000), node("MatMul", "x end", "y")]
    assert "its nodes have 200008 parts" in refused(nodes, {"w": W}, path)
