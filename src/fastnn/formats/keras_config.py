"""What the configuration of a Keras 3 model says: its layers, in the order in which they are computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastnn.formats.files import shown, visible

Array = np.ndarray[Any, Any]

MODELS = ("Sequential", "Functional")
MAX_DEPTH = 20  # of models in models


class Source(Protocol):
    """Where the variables of a layer, or of a model's layers, are."""

    def child(self, name: str, kind: str, nth: int) -> Source:
        """Return the source of a model's layer by its name, or as the nth of those of its class."""

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Return the names of a Sequential's layers as they are computed: the configuration has each once."""

    def arrays(self, count: int) -> list[Array]:
        """Return a layer's variables, of which there must be so many."""


class Part(NamedTuple):
    """A layer as the configuration describes it."""

    layer: Mapping[str, Any]
    kind: str
    name: str
    config: Mapping[str, Any]
    source: Source


def parts(model: Any, source: Source, depth: int = 0) -> Iterator[Part]:
    """Yield a model's layers in the order in which they are computed, those of models in it too."""
    kind, config = member(model, "class_name"), member(model, "config")
    layers = member(config, "layers")
    if kind not in MODELS or not is_own(model) or not isinstance(layers, list):
        raise ValueError(f"it is {shown(kind)}, expected one of {', '.join(MODELS)}")
    if depth > MAX_DEPTH:
        raise ValueError(f"it has models in models in models, more than {MAX_DEPTH} deep")
    seen: dict[str, int] = {}
    found = {part.name: part for part in [part_of(layer, source, seen) for layer in layers]}
    if len(found) != len(layers):
        raise ValueError("two of its layers have the same name")
    for name in source.in_order(found) if kind == "Sequential" else linear_order(config, found):
        part = found[name]
        if part.kind in MODELS:
            yield from parts(part.layer, part.source, depth + 1)
        else:
            yield part


def part_of(layer: Any, source: Source, seen: dict[str, int]) -> Part:
    """Return a layer's part; `seen` counts the layers of each class, as the file names them."""
    kind, config = member(layer, "class_name"), member(layer, "config")
    name = member(config, "name")
    if not isinstance(kind, str) or not isinstance(name, str):
        raise ValueError(f"one of its layers is {shown(layer)}")
    if not is_own(layer):
        where = shown(member(layer, "module"))
        raise ValueError(f"{visible(kind)} {shown(name)} isn't Keras's own: it comes from {where}")
    nth = seen[kind] = seen.get(kind, -1) + 1
    return Part(layer, kind, name, config, source.child(name, kind, nth))


def is_own(layer: Any) -> bool:
    """Whether a class is one of Keras's: others may be called the same."""
    module, registered = member(layer, "module"), member(layer, "registered_name")
    return str(module).partition(".")[0] == "keras" and registered in (None, member(layer, "class_name"))


def linear_order(config: Any, layers: Mapping[str, Part]) -> list[str]:
    """Return the names of a functional model's layers from input to output, which must be one chain."""
    name = only_name(config.get("output_layers"), "outputs")
    order: dict[str, None] = {}
    while name not in order:
        if name not in layers:
            raise ValueError(f"its layers lead to {shown(name)}, which isn't one of them")
        order[name] = None
        nodes = layers[name].layer.get("inbound_nodes")
        if nodes == []:
            break
        name = inbound(name, nodes)
    if name != only_name(config.get("input_layers"), "inputs") or len(order) != len(layers):
        raise ValueError("its layers aren't one chain from its input to its output")
    return list(order)[::-1]


def inbound(name: str, nodes: Any) -> str:
    """Return the name of the layer that gives a layer its input."""
    node = nodes[0] if isinstance(nodes, list) and len(nodes) == 1 else None
    inputs, settings = member(node, "args"), member(node, "kwargs")
    tensor = inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else None
    if not isinstance(tensor, dict) or not isinstance(settings, dict):
        raise ValueError(f"{shown(name)} is used more than once, or has more than one input")
    if any(value not in (None, False) for value in settings.values()):
        raise ValueError(f"{shown(name)} is called with {shown(settings)}")
    return only_name(member(member(tensor, "config"), "keras_history"), f"inputs of {shown(name)}")


def only_name(found: Any, what: str) -> str:
    """Return a layer's name from [name, 0, 0], or from a list of one such."""
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, list) or len(found) != 3 or not isinstance(found[0], str) or found[1:] != [0, 0]:
        raise ValueError(f"its {what} are {shown(found)}, expected one, of a layer that is used once")
    return found[0]


def member(of: Any, name: str) -> Any:
    """Return a member of a JSON object, or None."""
    return of.get(name) if isinstance(of, dict) else None
