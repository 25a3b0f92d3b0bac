"""Hostile files as large as is read at all: says what one takes to refuse, in a process of its own."""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz import peak_megabytes
from fuzz_targets import joined, keras_files, zipped

import fastnn
from fastnn.formats.keras_file import MAX_CONFIG
from fastnn.formats.tensors import MAX_HEADER

EMPTY = {"dtype": "F32", "shape": [0, 0], "data_offsets": [0, 0]}


def filled(start: str, part: str, end: str, size: int) -> str:
    """Return as many parts as fit between start and end."""
    return start + part * ((size - len(start) - len(end)) // len(part)) + end


def native(description: Any) -> bytes:
    """Return a native file with a description of its layers."""
    text = description if isinstance(description, str) else json.dumps(description)
    return joined(json.dumps({"__metadata__": {"fastnn": text}, "0.weight": EMPTY}), b"")


def without_elements(count: int, width: int) -> bytes:
    """Return a native file of layers that have no numbers, but every other one so many outputs."""
    shapes = ([0, width], [width, 0])
    entries = {f"{2 * i}.weight": {**EMPTY, "shape": shapes[i % 2]} for i in range(count)}
    text = json.dumps({"schema": 1, "layers": [{"activation": "relu"}] * count})
    return joined(json.dumps({"__metadata__": {"fastnn": text}, **entries}), b"")


def keras(layers: list[Any], kind: str = "Sequential", **more: Any) -> str:
    """Return the configuration of a Keras model."""
    config = {"name": "m", "layers": layers, **more}
    return json.dumps({"module": "keras", "class_name": kind, "config": config})


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """Return the configuration of a Keras layer."""
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}}


def long_chain(count: int) -> str:
    """Return a functional model of many layers."""
    layers = [layer("InputLayer", "0", batch_shape=[None, 5])]
    layers += [layer("Dropout", str(i)) for i in range(1, count)]
    for i, part in enumerate(layers):
        node = {"args": [{"config": {"keras_history": [str(i - 1), 0, 0]}}], "kwargs": {}}
        part["inbound_nodes"] = [node] if i else []
    return keras(layers, "Functional", input_layers=["0", 0, 0], output_layers=[str(count - 1), 0, 0])


HEADERS: dict[str, Callable[[], bytes]] = {
    "brackets": lambda: joined("[" * (MAX_HEADER - 1), b""),
    "lists": lambda: joined(filled('{"a":[', "[],", "0]}", MAX_HEADER), b""),
    "objects": lambda: joined(filled('{"a":[', "{},", "0]}", MAX_HEADER), b""),
    "the same name": lambda: joined(filled("{", '"a":0,', '"a":0}', MAX_HEADER), b""),
    "names": lambda: joined("{" + ",".join(f'"{i:06}":0' for i in range(MAX_HEADER // 11)) + "}", b""),
    "brackets in the description": lambda: native("[" * (MAX_HEADER - 200)),
    "layers": lambda: native({"schema": 1, "layers": [{"activation": "relu"}] * (MAX_HEADER // 30)}),
    "golden": lambda: native(
        {"schema": 1, "layers": [{"activation": "relu"}], "golden": {"inputs": {"data": "A" * 2_000_000}}}
    ),
    "layers without elements": lambda: without_elements(12_000, 20_000),
}
CONFIGS: dict[str, Callable[[], str]] = {
    "lists in Keras": lambda: filled('{"a":[', "[],", "0]}", MAX_CONFIG),
    "activations": lambda: keras(
        [layer("InputLayer", "i", batch_shape=[None, 10])]
        + [layer("Activation", f"{i}", activation="relu") for i in range(19_000)]
    ),
    "wide activations": lambda: keras(
        [layer("InputLayer", "i", batch_shape=[None, 1000])]
        + [layer("Activation", f"{i}", activation="relu") for i in range(19_000)]
    ),
    "a chain": lambda: long_chain(10_000),
    "a scale": lambda: keras([layer("Rescaling", "r", scale=[1.5] * 400_000, offset=0.0)]),
}


def main() -> None:
    """Print how long reading a file took the processor, how much memory, and what was wrong."""
    name = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        if name in HEADERS:
            path.write_bytes(HEADERS[name]())
        else:
            with zipfile.ZipFile(io.BytesIO(keras_files(Path(folder))[0])) as archive:
                path.write_bytes(zipped(CONFIGS[name](), archive.read("model.weights.h5")))
        before, began = peak_megabytes(), time.process_time()
        try:
            fastnn.load(path) if name in HEADERS else fastnn.from_keras(path)
            message = "read"
        except fastnn.ModelFileError as error:
            message = str(error).removeprefix(str(path))
        print(f"{time.process_time() - began} {peak_megabytes() - before} {message}")


if __name__ == "__main__":
    main()
