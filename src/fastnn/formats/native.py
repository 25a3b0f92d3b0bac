"""fastnn's own format: a safetensors file with the tensor names of torch.nn.Sequential.

Layer i is module 2 i (its activation is module 2 i + 1), so its tensors are ``{2 i}.weight`` and
``{2 i}.bias``. The metadata holds ``"format": "pt"`` and, under ``"fastnn"``, a JSON object with the schema's
version, each layer's activation, and perhaps golden vectors.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from fastnn.formats.files import ModelFileError, check_suffix, parse_json, replacing, shown
from fastnn.formats.golden import Golden, to_json
from fastnn.formats.tensors import MAX_HEADER, Array, header_of, longest_of_too_long
from fastnn.formats.tensors import read as read_tensors
from fastnn.formats.tensors import write as write_tensors
from fastnn.layers import Dense, stored

SCHEMA = 1


def write(path: str | os.PathLike[str], layers: Sequence[Dense], golden: Golden | None = None) -> None:
    """Write layers to a file, whole or not at all."""
    check_suffix(path, ".safetensors")
    tensors = {}
    description: dict[str, Any] = {"schema": SCHEMA, "layers": []}
    for i, layer in enumerate(layers):
        weight, bias, activation = stored(layer)
        tensors[f"{2 * i}.weight"] = weight
        if bias is not None:
            tensors[f"{2 * i}.bias"] = bias
        description["layers"].append({"activation": activation})
    if golden is not None:
        description["golden"] = to_json(golden)
    metadata = {"format": "pt", "fastnn": json.dumps(description)}
    header = header_of(tensors, metadata)
    check_readable(tensors, len(layers), header)
    with replacing(path) as file:
        write_tensors(file, header, tensors)


def check_readable(tensors: Mapping[str, Array], n_layers: int, header: bytes) -> None:
    """Raise if `tensors.read` would refuse a file of these layers' tensors."""
    if len(header) > MAX_HEADER:
        raise ValueError(
            f"the network has {n_layers:,} layers: the header of its file, with their names and golden "
            f"vectors, would have {len(header):,} bytes, expected at most {MAX_HEADER:,}"
        )
    size = 8 + len(header) + sum(tensor.nbytes for tensor in tensors.values())
    longest = longest_of_too_long(tensors, size)
    if longest is not None:
        i = int(longest.partition(".")[0]) // 2
        raise ValueError(
            f"layers[{i}] has weight {tensors[longest].shape}, but no elements: with the other layers' "
            f"lengths, that can't be told from damage in a file of {size} bytes"
        )


def read(path: str | os.PathLike[str]) -> tuple[list[Dense], Any]:
    """Read layers from a file, and what it says of golden vectors: None if it has none."""
    path = os.fsdecode(path)
    metadata, tensors = read_tensors(path)
    activations, golden = read_description(path, metadata.get("fastnn"))
    layers = []
    for i, activation in enumerate(activations):
        weight = tensors.pop(f"{2 * i}.weight", None)
        if weight is None:
            raise ModelFileError(f"{path} has no tensor {2 * i}.weight for layer {i + 1}")
        try:
            layers.append(Dense(weight, tensors.pop(f"{2 * i}.bias", None), activation))
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"{path}, layer {i + 1}: {error!s:.400}") from error
    if tensors:
        raise ModelFileError(f"{path} has tensors that belong to no layer: {shown(sorted(tensors))}")
    return layers, golden


def read_description(path: str, text: str | None) -> tuple[list[Any], Any]:
    """Return the layers' activations from the JSON in the metadata, and its golden vectors."""
    if text is None:
        raise ModelFileError(
            f"{path} has weights, but no activations: it is a state dict, not a network of fastnn's. "
            f"`fastnn convert {shlex.quote(path)} NEW.safetensors --activations relu` makes one of it, "
            "fastnn.from_torch(path, 'relu') reads it"
        )
    description = parse_json(text, f"{path}: 'fastnn' in the metadata")
    found = description.get("schema") if isinstance(description, dict) else description
    if not isinstance(description, dict) or type(found) is not int or found != SCHEMA:
        raise ModelFileError(f"{path} has schema {shown(found)}, but this fastnn reads schema {SCHEMA}")
    layers = description.get("layers")
    if not isinstance(layers, list) or not layers:
        raise ModelFileError(f"{path} describes no layers")
    names = [layer.get("activation") if isinstance(layer, dict) else None for layer in layers]
    return names, description.get("golden")
