"""An ONNX file as nodes, constants, inputs and outputs: one name, one meaning."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto

from fastnn.formats.files import open_file, visible
from fastnn.formats.onnx.tensors import Array, Folder, to_array

# Protocol buffers have no longer messages.
MAX_BYTES = 2**31 - 1
MAX_PARTS = 150_000  # of nodes: as Python's objects they take ten times the memory that they have in the file
OLDEST_OPSET = 6  # before, operators had other attributes; PyTorch and others began with 6 or later


@dataclass(frozen=True)
class Node:
    """One operation: what it reads and makes, by name."""

    label: str
    operator: str
    domain: str
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, AttributeProto]
    folder: Folder | None


@dataclass(frozen=True)
class Input:
    """An input of the graph: its element type, and its shape; None where a size isn't fixed."""

    element: int
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Graph:
    """The nodes in the file's order, and what they begin with and end in."""

    nodes: tuple[Node, ...]
    inputs: Mapping[str, Input]
    outputs: Mapping[str, TypeProto]
    tensors: Mapping[str, TensorProto]
    makers: Mapping[str, int]
    folder: Folder | None

    def constant(self, name: str) -> Array | None:
        """Return an initializer's numbers, if there is one of that name."""
        if name not in self.tensors:
            return None
        try:
            return to_array(self.tensors[name], self.folder)
        except (ValueError, OSError, OverflowError) as error:
            raise ValueError(f"initializer {name[:100]!r} has {error}") from error


def open_graph(source: str | os.PathLike[str] | ModelProto, external_data: bool) -> Graph:
    """Return the graph of a file, or of a model that was parsed already."""
    if isinstance(source, ModelProto):
        if external_data:
            raise ValueError("external data belongs to a file, but this is a model in memory")
        return graph_of(source, None)
    path = Path(os.fsdecode(source))
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise ValueError(f"it has {size} bytes, but an ONNX file has {MAX_BYTES} at most")
        data = file.read(size)
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ValueError(f"it is no sound ONNX file: {error}") from error
    return graph_of(model, Folder(path.parent) if external_data else None)


def graph_of(model: ModelProto, folder: Folder | None) -> Graph:
    """Return a model's graph, if every name in it means one thing."""
    opsets = read_opsets(model)
    graph = model.graph
    parts = sum(1 + len(node.input) + len(node.output) + len(node.attribute) for node in graph.node)
    if parts > MAX_PARTS:
        raise ValueError(f"its nodes have {parts} parts, expected {MAX_PARTS} at most")
    if graph.sparse_initializer:
        raise ValueError("it has sparse initializers, which fastnn doesn't read")
    tensors = unique("initializer", ((text(tensor.name), tensor) for tensor in graph.initializer))
    inputs = unique("input", ((text(value.name), value) for value in graph.input))
    outputs = unique("output", ((text(value.name), value.type) for value in graph.output))
    own = {(standard_domain(text(function.domain)), text(function.name)) for function in model.functions}
    nodes = tuple(read_node(i, node, opsets, own, folder) for i, node in enumerate(graph.node))
    makers: dict[str, int] = {}
    for i, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in makers or name in tensors or name in inputs:
                raise ValueError(f"{node.label} makes {name!r}, but that name is taken")
            makers[name] = i
    data = {name: read_input(name, value) for name, value in inputs.items() if name not in tensors}
    return Graph(nodes, data, outputs, tensors, makers, folder)


def read_opsets(model: ModelProto) -> dict[str, int]:
    """Return the version of each set of operators that the model uses."""
    found: dict[str, int] = {}
    for entry in model.opset_import:
        domain = standard_domain(text(entry.domain))
        if found.setdefault(domain, entry.version) != entry.version:
            raise ValueError(f"it asks for opset {found[domain]} and {entry.version} of {domain!r}")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= found.get("", newest) <= newest:
        raise ValueError(f"it has opset {found['']}, expected {OLDEST_OPSET} to {newest}")
    return found


def standard_domain(domain: str) -> str:
    """Return the domain's one spelling: ai.onnx is the default."""
    return "" if domain == "ai.onnx" else domain


def read_node(
    i: int, node: NodeProto, opsets: Mapping[str, int], own: Set[tuple[str, str]], folder: Folder | None
) -> Node:
    """Return a node; its label is what errors call it, and `own` are the model's own functions."""
    name, operator, domain = text(node.name), text(node.op_type), standard_domain(text(node.domain))
    label = f"node {name[:100]!r}" if name else f"node {i}"
    label += f" ({visible(operator[:100])})"
    if domain not in opsets:
        raise ValueError(f"{label} is of opset {domain or 'ai.onnx'!r}, which the model doesn't ask for")
    version = opsets[domain]
    if (domain, operator) in own:
        domain = "the file itself"
    attributes = unique(f"attribute of {label}", ((text(entry.name), entry) for entry in node.attribute))
    inputs, outputs = (tuple(map(text, names)) for names in (node.input, node.output))
    return Node(label, operator, domain, version, inputs, outputs, attributes, folder)


def read_input(name: str, value: ValueInfoProto) -> Input:
    """Return what the graph says of one of its inputs."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        return Input(tensor.elem_type, None)
    sizes = tuple(entry.dim_value if entry.HasField("dim_value") else None for entry in tensor.shape.dim)
    if any(size is not None and size < 0 for size in sizes):
        raise ValueError(f"input {name!r} has shape {sizes}, which has a negative size")
    return Input(tensor.elem_type, sizes)


def unique(what: str, entries: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dict of entries, each of whose names may come once."""
    found: dict[str, Any] = {}
    for name, entry in entries:
        if name in found:
            raise ValueError(f"it has {what} {name[:100]!r} twice")
        found[name] = entry
    return found


def text(name: Any) -> str:
    """Return a string of the file; the parser hands over bytes where they are no UTF-8."""
    if not isinstance(name, str):
        raise ValueError(f"it has a name that isn't UTF-8: {name[:100]!r}")
    return name
