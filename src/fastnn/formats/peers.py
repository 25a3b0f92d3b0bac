"""Which of fastnn's activations another library's is, and back: what the table says of peers, looked up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from fastnn._core.activation_names import choose, parse
from fastnn._core.activation_table import ACTIVATIONS

Library = Literal["torch", "keras", "keras_layers", "sklearn", "onnx"]


def activation_of(library: Library, name: object, attributes: object = None) -> str | None:
    """Return fastnn's name for a library's activation with such attributes, or None if it has none."""
    given = attributes if isinstance(attributes, Mapping) else {}
    for row in ACTIVATIONS:
        for peer in getattr(row, library):
            if peer.name == name and all(given.get(key) in ok for key, ok in peer.required.items()):
                values = [given.get(p) if isinstance(p, str) else p for p in peer.parameters]
                if all(is_number(value) for value in values):
                    return str(choose(row.name, values))
    return None


def peer_of(library: Library, activation: str) -> tuple[str, dict[str, Any]] | None:
    """Return a library's name for fastnn's activation and the attributes to build it with, or None."""
    chosen = parse(activation)
    for peer in getattr(chosen.row, library):
        pairs = list(zip(peer.parameters, chosen.parameters, strict=True))
        if all(isinstance(p, str) or p == value for p, value in pairs):
            attributes = {p: value for p, value in pairs if isinstance(p, str)}
            return peer.name, {**{key: ok[0] for key, ok in peer.required.items()}, **attributes}
    return None


def is_number(value: object) -> bool:
    """Whether a value from a file or an attribute is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
