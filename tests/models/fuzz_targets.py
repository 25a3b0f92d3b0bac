"""What is fuzzed: for each format sound files, how one is damaged, and what reads it."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mutations import damage, damage_json

import fastnn
from fastnn import Dense, Network


class Target(NamedTuple):
    """A format: sound files, how one is damaged, and what reads it."""

    suffix: str
    samples: Callable[[Path], list[bytes]]
    damaged: Callable[[random.Random, bytes, bytes], bytes]
    read: Callable[[Path], Network]


def networks() -> list[Network]:
    """Return small networks of both dtypes, with all activations."""
    rng = np.random.default_rng(0)
    names = fastnn.activations.NAMES
    found = []
    for dtype in ("float32", "float64"):
        layers = [Dense(rng.standard_normal((4, 4)), rng.standard_normal(4), name) for name in names]
        found.append(Network([Dense(rng.standard_normal((4, 6))), *layers], dtype))
    return [*found, Network([Dense([[1.0, 2.0]], [3.0], "clip(-1, 2)")])]


def native_files(folder: Path) -> list[bytes]:
    """Return files of fastnn's own, with golden vectors and without."""
    files = []
    for net in networks():
        for golden in (None, np.ones((2, net.n_inputs))):
            net.save(folder / "sample", golden=golden)
            files.append((folder / "sample").read_bytes())
    return files


def state_dicts(folder: Path) -> list[bytes]:
    """Return safetensors files of state dicts: of float32 and float64, and of halves."""
    native = native_files(folder)[0:4:2]  # of many layers: one name is that of all but the last
    files = [without_metadata(data) for data in native]
    about = {
        "fc1.weight": {"dtype": "BF16", "shape": [3, 2], "data_offsets": [0, 12]},
        "fc1.bias": {"dtype": "F16", "shape": [3], "data_offsets": [12, 18]},
        "fc2.weight": {"dtype": "F16", "shape": [1, 3], "data_offsets": [18, 24]},
    }
    return [*files, joined(json.dumps(about), bytes(range(24)))]


def without_metadata(data: bytes) -> bytes:
    """Return a safetensors file of the same tensors, but of nothing else."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    del header["__metadata__"]
    return joined(json.dumps(header), data[8 + size :])


def damaged_safetensors(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return a safetensors file with its bytes damaged, or its header, or the JSON in that."""
    size = int.from_bytes(data[:8], "little")
    header, tensors = data[8 : 8 + size].decode(), data[8 + size :]
    deed = rng.randrange(4)
    if deed == 0:
        return damage(rng, data, other)
    inner = json.loads(header).get("__metadata__", {}).get("fastnn")
    if deed == 1 and inner is not None:
        document = json.loads(header)
        document["__metadata__"]["fastnn"] = damage_json(rng, inner)
        return joined(json.dumps(document), tensors)
    if deed == 2:
        return joined(header, damage(rng, tensors, other))
    return joined(damage_json(rng, header), tensors)


def joined(header: str, tensors: bytes) -> bytes:
    """Return a safetensors file."""
    text = header.encode(errors="replace")
    return len(text).to_bytes(8, "little") + text + tensors


def keras_files(folder: Path) -> list[bytes]:
    """Return ``.keras`` files as Keras writes them: a sequential model and a functional one."""
    import h5py

    rng = np.random.default_rng(0)

    def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
        return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}}

    given = {"use_bias": True, "activation": "relu"}
    chain = [
        layer("InputLayer", "in", batch_shape=[None, 2, 3]),
        layer("Flatten", "flat", data_format="channels_last"),
        layer("Normalization", "norm", axis=[-1], mean=None, invert=False),
        layer("Dense", "a", **given),
        layer("BatchNormalization", "bn", axis=-1, epsilon=0.001, scale=True, center=True),
        layer("LeakyReLU", "leaky", negative_slope=0.2),
        layer("Dense", "b", **given | {"use_bias": False}),
        layer("Rescaling", "scale", scale=[1.0, 2.0], offset=0.5),
        layer("Activation", "act", activation="softmax"),
    ]
    sequential = {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": chain}}
    inputs = [layer("InputLayer", "in", batch_shape=[None, 6]), layer("Dense", "a", **given)]
    inputs += [layer("Dropout", "d", rate=0.5), layer("Dense", "b", **given | {"activation": "tanh"})]
    for before, part in zip([None, *inputs], inputs, strict=False):
        history = {"keras_history": [before["config"]["name"], 0, 0]} if before else {}
        node = {"args": [{"class_name": "__keras_tensor__", "config": history}], "kwargs": {}}
        part["inbound_nodes"] = [node] if before else []
    ends = {"input_layers": ["in", 0, 0], "output_layers": [["b", 0, 0]]}
    functional = {"module": "keras", "class_name": "Functional", "config": {"layers": inputs, **ends}}
    nested = {**sequential, "config": {"name": "outer", "layers": [{**functional}]}}
    nested["config"]["layers"][0]["config"] = {**functional["config"], "name": "inner"}
    shapes = {"dense": [(6, 4), (4,)], "batch_normalization": [(4,)] * 4, "dense_1": [(4, 2)]}
    shapes["normalization"] = [(6,), (6,)]
    files = []
    for model, path, variables in (
        (sequential, "layers", shapes),
        (functional, "layers", {"dense": [(6, 4), (4,)], "dense_1": [(4, 2), (2,)]}),
        (nested, "layers/functional/layers", {"dense": [(6, 4), (4,)], "dense_1": [(4, 2), (2,)]}),
    ):
        weights = io.BytesIO()
        with h5py.File(weights, "w") as file:
            for name, all_shapes in variables.items():
                for i, shape in enumerate(all_shapes):
                    file[f"{path}/{name}/vars/{i}"] = rng.uniform(0.5, 1, shape).astype(np.float32)
                if name == "normalization":
                    file[f"{path}/{name}/vars/2"] = np.int32(3)
        files.append(zipped(json.dumps(model), weights.getvalue()))
    return files


def zipped(config: str, weights: bytes) -> bytes:
    """Return a ``.keras`` file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", config.encode(errors="replace"))
        archive.writestr("model.weights.h5", weights)
    return data.getvalue()


def damaged_keras(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return a ``.keras`` file damaged, or with sound sums around damaged configuration or weights."""
    deed = rng.randrange(5)
    if deed == 0:
        return damage(rng, data, other)
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(io.BytesIO(other)) as second:
        config, weights = archive.read("config.json").decode(), archive.read("model.weights.h5")
        others = second.read("model.weights.h5")
    if deed in (1, 2):
        return zipped(damage_json(rng, config), weights)
    # Most of an HDF5 file is empty space: damage what isn't.
    full = [i for i, byte in enumerate(weights) if byte]
    changed = bytearray(weights)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.choice(full)
        changed[place] = rng.choice([0, 1, 255, changed[place] ^ 1 << rng.randrange(8), rng.randrange(256)])
    return zipped(config, bytes(changed) if rng.random() < 0.7 else damage(rng, weights, others))


def of_onnx(part: str) -> Callable[..., Any]:
    """Return a function of fuzz_onnx.py, which needs the onnx package."""
    return lambda *arguments: getattr(import_module("fuzz_onnx"), part)(*arguments)


TARGETS = {
    "native": Target("safetensors", native_files, damaged_safetensors, fastnn.load),
    "torch-safetensors": Target(
        "safetensors", state_dicts, damaged_safetensors, lambda path: fastnn.from_torch(path, "relu")
    ),
    "keras": Target("keras", keras_files, damaged_keras, fastnn.from_keras),
    "onnx": Target("onnx", of_onnx("files"), of_onnx("damaged"), of_onnx("read")),
}
