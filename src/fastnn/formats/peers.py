"""What other libraries call fastnn's activations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastnn.activations import check_name


class Peer(NamedTuple):
    """An activation of another library's.

    `parameters` has the peer's attribute for each parameter of fastnn's, or the number that it stands for;
    `required` has the values that other attributes may have, the usual one first.
    """

    name: str
    parameters: tuple[str | float, ...] = ()
    required: Mapping[str, tuple[Any, ...]] = {}


# Libraries: torch and keras_layer name classes, keras and sklearn functions.
PEERS: dict[str, dict[str, tuple[Peer, ...]]] = {
    "identity": {
        "torch": (Peer("Identity"),),
        "keras": (Peer("linear"),),
        "sklearn": (Peer("identity"),),
    },
    "relu": {
        "torch": (Peer("ReLU"),),
        "keras": (Peer("relu"),),
        "keras_layer": (Peer("ReLU", (), {"max_value": (None,), "negative_slope": (0,), "threshold": (0,)}),),
        "sklearn": (Peer("relu"),),
    },
    "sigmoid": {
        "torch": (Peer("Sigmoid"),),
        "keras": (Peer("sigmoid"),),
        "sklearn": (Peer("logistic"),),
    },
    "tanh": {"torch": (Peer("Tanh"),), "keras": (Peer("tanh"),), "sklearn": (Peer("tanh"),)},
    "softmax": {
        "torch": (Peer("Softmax", (), {"dim": (-1, 1, None)}),),
        "keras": (Peer("softmax"),),
        "keras_layer": (Peer("Softmax", (), {"axis": (-1, 1)}),),
        "sklearn": (Peer("softmax"),),
    },
    "log_softmax": {
        "torch": (Peer("LogSoftmax", (), {"dim": (-1, 1, None)}),),
        "keras": (Peer("log_softmax"),),
    },
}


def activation_of(library: str, name: object, attributes: Mapping[str, Any] | None = None) -> str | None:
    """Return fastnn's name for a library's activation with such attributes, or None if it has none."""
    given = attributes or {}
    for activation, libraries in PEERS.items():
        for peer in libraries.get(library, ()):
            if peer.name != name or not all(given.get(key) in ok for key, ok in peer.required.items()):
                continue
            values = [given.get(p) if isinstance(p, str) else p for p in peer.parameters]
            if all(is_number(value) for value in values):
                return spelled(activation, values)
    return None


def peer_of(library: str, activation: str) -> tuple[str, dict[str, Any]] | None:
    """Return a library's name for fastnn's activation and the attributes to build it with, or None."""
    for peer in PEERS[activation].get(library, ()):
        return peer.name, {key: ok[0] for key, ok in peer.required.items()}
    return None


def spelled(name: str, values: list[Any]) -> str:
    """Return the canonical name of an activation with parameters."""
    return check_name(f"{name}({', '.join(repr(float(value)) for value in values)})" if values else name)


def is_number(value: object) -> bool:
    """Whether a value from a file or an attribute is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
