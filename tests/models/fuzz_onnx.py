"""ONNX files to fuzz: sound ones, and how their fields are changed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import fuzz_onnx_constants
import numpy as np
from mutations import damage
from onnx_models import helper, model_of, node, numpy_helper, onnx, perceptron

import fastnn

INTEGERS = [0, 1, -1, 2, 3, 4, 5, 7, 10, 16, 127, 2**31 - 1, 2**62, 2**63 - 1, -(2**63), 10**4, 10**6]
REALS = [0.0, -0.0, 1.0, -1.0, 0.5, float("nan"), float("inf"), -float("inf"), 1e38, 1e-45]
WORDS = ["", "x", "y", "nothing", "0", "-1", "../data", "/etc/passwd", "data", "location", "offset", "length"]


def files(folder: Path) -> list[bytes]:
    """Return sound files that between them use most of what is read; one has its data in the folder."""
    (folder / "data").write_bytes(bytes(range(200)))
    return [model.SerializeToString() for model in models()]


def models() -> list[Any]:
    """Return sound models."""
    rng = np.random.default_rng(1)

    def normal(*shape: int, dtype: Any = np.float32) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    fields = perceptron()
    for tensor in fields.graph.initializer:
        numbers = numpy_helper.to_array(tensor)
        tensor.CopyFrom(
            helper.make_tensor(tensor.name, tensor.data_type, tensor.dims, numbers.ravel().tolist())
        )
    normalized = model_of(
        [
            node("Flatten", "x", "f"),
            node("BatchNormalization", "f s b m v", "n", epsilon=1e-3),
            node("MatMul", "n w", "p"),
            node("Div", "p d", "q"),
            node("Tanh", "q", "t"),
            node("Dropout", "t", "u"),
            node("Sub", "one u", "y"),
        ],
        {
            **{name: np.abs(normal(6)) for name in "sbmv"},
            "w": normal(6, 3).astype(np.float16),
            "d": normal(3),
            "one": np.float32(1),
        },
        ["N", 2, 3],
    )
    viewed = model_of(
        [
            node("Shape", "x", "shape"),
            node("Gather", "shape zero", "count"),
            node("Unsqueeze", "count zeros", "counts"),
            node("Concat", "counts rest", "target", axis=0),
            node("Reshape", "x target", "flat"),
            node("Transpose", "w", "wt", perm=[1, 0]),
            node("Gemm", "flat wt", "z", alpha=0.5),
            node("Clip", "z low", "c"),
            node("Squeeze", "w3 axes", "w4"),
            node("MatMul", "c w4", "y"),
        ],
        {
            "zero": np.int64(0),
            "zeros": np.array([0]),
            "rest": np.array([-1]),
            "w": normal(3, 6, dtype=np.float64),
            "low": np.float64(0),
            "w3": normal(1, 3, 2, dtype=np.float64),
            "axes": np.array([0]),
        },
        [None, 2, 3],
        dtype=np.float64,
    )
    tail = model_of(
        [
            node("Cast", "x", "c", to=1),
            node("Scaler", "c", "s", domain="ai.onnx.ml", offset=[0.5] * 4, scale=[2.0] * 4),
            node("MatMul", "s w", "p"),
            node("Add", "p b", "z"),
            node("Sigmoid", "z", "q"),
            node("Sub", "one q", "r"),
            node("Concat", "r q", "both", axis=1),
            node("ArgMax", "both", "best", axis=1),
            node("ZipMap", "both", "y", domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
        ],
        {"w": normal(4, 1), "b": normal(1, 1), "one": np.float32(1)},
        dtype=np.float64,
    )
    outside = perceptron(np.float64)
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "data", "offset": "8", "length": "160"}.items():
        tensor.external_data.add(key=key, value=value)
    wide = model_of([node("Tanh", "x", "t"), node("MatMul", "t w", "y")], {"w": normal(4, 3)})
    return [perceptron(), perceptron(np.float64), fields, normalized, viewed, tail, outside, wide]


def messages(message: Any) -> list[Any]:
    """Return a message and all within it."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if hasattr(value, "extend") else [value]:
                found += messages(part)
    return found


def scalar(rng: random.Random, field: Any) -> Any:
    """Return a value that a field can take, likely a bad one."""
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return rng.choice(REALS)
    if field.cpp_type == field.CPPTYPE_STRING:
        word = rng.choice(WORDS)
        return word if field.type == field.TYPE_STRING else rng.randbytes(rng.choice([0, 1, 4, 80, 10**5]))
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice([value.number for value in field.enum_type.values])
    number = rng.choice(INTEGERS)
    return number if field.cpp_type == field.CPPTYPE_INT64 else number % 2**31


def change(rng: random.Random, model: Any) -> None:
    """Change one field somewhere in a model."""
    within = messages(model)
    message = rng.choice(within)
    field = rng.choice(message.DESCRIPTOR.fields)
    alike = [other for other in within if field.message_type and other.DESCRIPTOR is field.message_type]
    if not hasattr(getattr(message, field.name), "extend"):
        if field.message_type is None:
            setattr(message, field.name, scalar(rng, field))
        elif alike and rng.random() < 0.7:
            getattr(message, field.name).CopyFrom(
                type(alike[0])().FromString(rng.choice(alike).SerializeToString())
            )
        else:
            message.ClearField(field.name)
        return
    values = getattr(message, field.name)
    deed = rng.randrange(5)
    if deed == 0 and values:
        del values[rng.randrange(len(values))]
    elif deed == 1 and values:
        values.append(values[rng.randrange(len(values))])
    elif deed == 2:
        values.extend(list(values) * rng.choice([1, 100]))
    elif field.message_type is not None:
        values.extend([type(other)().FromString(other.SerializeToString()) for other in alike[:1]])
    elif deed == 3 and values:
        values[rng.randrange(len(values))] = scalar(rng, field)
    else:
        value = scalar(rng, field)
        values.extend([value] * (rng.choice([1, 2, 40, 10**4]) if not isinstance(value, bytes) else 2))


def damaged(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return a file with its bytes damaged, with other values in fields, or whose weight is computed."""
    deed = rng.random()
    if deed < 0.4:
        return damage(rng, data, other)
    if deed > 0.8:
        return fuzz_onnx_constants.weight(rng)
    model = onnx.ModelProto.FromString(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
        change(rng, model)
    changed: bytes = model.SerializeToString()
    return changed


def read(path: Path) -> fastnn.Network:
    """Read a file, and those that it names."""
    return fastnn.from_onnx(path, external_data=True)
