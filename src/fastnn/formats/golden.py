"""Golden vectors: a few inputs and their outputs that a native file may hold, and a loaded network must give.

They stand in the JSON of the metadata: a tensor of their own would be one too many for ``load_state_dict``.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastnn._core.checks import real_array
from fastnn._core.dispatch import isa, kernels
from fastnn._core.engine import Plan
from fastnn._version import __version__
from fastnn.formats.files import ModelFileError, shown

Array = np.ndarray[Any, Any]

MAX_EXAMPLES = 1000
MAX_BYTES = 1 << 20


class Golden(NamedTuple):
    """Inputs, (k, n), their outputs, (k, m), and what computed these."""

    inputs: Array
    outputs: Array
    version: str
    fused: bool


def record(network: Plan, x: ArrayLike) -> Golden:
    """Return golden vectors for the inputs x, (n,) or (k, n)."""
    given = np.atleast_2d(real_array("golden", x))
    if given.ndim != 2 or given.shape[1] != network.n_inputs:
        raise ValueError(
            f"golden has shape {np.shape(x)}, expected ({network.n_inputs},) or (k, {network.n_inputs})"
        )
    size = len(given) * (network.n_inputs + network.n_outputs) * network.dtype.itemsize
    if not 1 <= len(given) <= MAX_EXAMPLES or size > MAX_BYTES:
        raise ValueError(
            f"golden has {len(given)} examples, {size} bytes with their outputs; "
            f"expected 1 to {MAX_EXAMPLES}, of at most {MAX_BYTES} bytes"
        )
    with np.errstate(all="ignore"):
        inputs = np.ascontiguousarray(given, network.dtype)
    return Golden(inputs, network(inputs), __version__, fused())


def check(path: str, golden: Golden, network: Plan) -> None:
    """Raise unless the network gives the golden outputs.

    They have the same bits wherever the same version runs with fused multiply-add. Else half of the digits
    must be the same: no more is certain after many layers, and damage that shows is seldom smaller.
    """
    outputs = network(golden.inputs)
    expected = golden.outputs
    with np.errstate(all="ignore"):
        if golden.version == __version__ and golden.fused and fused():
            agree = bits(outputs) == bits(expected)
        else:
            largest = np.max(np.abs(expected), axis=1, keepdims=True, initial=0, where=np.isfinite(expected))
            limit = np.sqrt(np.finfo(network.dtype).eps) * largest
            agree = (outputs == expected) | (np.abs(outputs - expected) <= limit)
    agree |= np.isnan(outputs) & np.isnan(expected)
    if not agree.all():
        row, column = np.argwhere(~agree)[0]
        raise ModelFileError(
            f"{path} is damaged: output {column} of golden example {row} is {outputs[row, column]:.9g}, "
            f"but was {expected[row, column]:.9g} when the file was written"
        )


def fused() -> bool:
    """Whether the kernels in use round a product and a sum once."""
    return kernels(np.float32, isa()).fused


def bits(array: Array) -> Array:
    """Return the bit patterns of an array's reals."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def to_json(golden: Golden) -> dict[str, Any]:
    """Return what the metadata says of golden vectors."""

    def encoded(array: Array) -> dict[str, Any]:
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        return {"shape": list(array.shape), "data": base64.b64encode(data).decode()}

    return {
        "fastnn": golden.version,
        "fused": golden.fused,
        "inputs": encoded(golden.inputs),
        "outputs": encoded(golden.outputs),
    }


def from_json(path: str, found: Any, network: Plan) -> Golden:
    """Return the golden vectors that the metadata has for a network."""

    def member(of: Any, name: str, kind: type) -> Any:
        value = of.get(name) if isinstance(of, dict) else None
        if type(value) is not kind:
            raise ModelFileError(f"{path}: golden {name} is {shown(value)}, expected a {kind.__name__}")
        return value

    def decoded(name: str, width: int) -> Array:
        array = member(found, name, dict)
        try:
            data = base64.b64decode(member(array, "data", str), validate=True)
        except ValueError as error:
            raise ModelFileError(f"{path}: golden {name} isn't base64: {error}") from error
        shape = member(array, "shape", list)
        rows = shape[0] if shape and all(type(n) is int for n in shape) else 0
        size = rows * width * network.dtype.itemsize
        if not 1 <= rows <= MAX_EXAMPLES or shape != [rows, width] or len(data) != size:
            raise ModelFileError(
                f"{path}: golden {name} has shape {shown(shape)} and {len(data)} bytes, "
                f"expected (k, {width}) of {network.dtype}, k from 1 to {MAX_EXAMPLES}"
            )
        return np.frombuffer(data, network.dtype.newbyteorder("<")).reshape(shape).astype(network.dtype)

    golden = Golden(
        decoded("inputs", network.n_inputs),
        decoded("outputs", network.n_outputs),
        member(found, "fastnn", str),
        member(found, "fused", bool),
    )
    if len(golden.inputs) != len(golden.outputs):
        raise ModelFileError(
            f"{path} has {len(golden.inputs)} golden inputs, but {len(golden.outputs)} outputs"
        )
    return golden
