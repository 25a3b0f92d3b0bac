"""Ways to damage a file: its bytes, or the JSON in it."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

NUMBERS = [0, 1, -1, 2, 3, 7, 255, 256, 2**15, 2**16, 2**31 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64]
WORDS = ["NaN", "-Infinity", "1.0", "-1", "1e999", "9" * 20, "9" * 5000, "[" * 100_000]
VALUES: list[Any] = [None, True, False, "", "0", "NaN", [], {}, [[]], -0.0, 0.5, 1e308, float("nan")]
VALUES += [float("inf"), "relu", "softmax", "\ud800", "é" * 50, "x" * 5000, [0] * 2000]


def damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return a file with some of its bytes changed, lost, added, or another's."""
    place = rng.randrange(len(data)) if data else 0
    length = rng.choice([1, 2, 4, 8, rng.randrange(1, 200)])
    deed = rng.randrange(7)
    if deed == 0:
        return data[:place]
    if deed == 1:
        return data[:place] + data[place + length :]
    if deed == 2:
        return data[:place] + rng.randbytes(length) + data[place:]
    if deed == 3:
        return data[:place] + other[rng.randrange(len(other)) :]
    changed = bytearray(data)
    if deed == 4:
        number = rng.choice(NUMBERS) % 2**64
        changed[place : place + 8] = number.to_bytes(8, "little")[: len(changed[place : place + 8])]
    elif deed == 5:
        source = rng.randrange(len(data)) if data else 0
        changed[place : place + length] = data[source : source + length]
    else:
        for _ in range(rng.choice([1, 1, 1, 2, 10])):
            if changed:
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def damage_json(rng: random.Random, text: str) -> str:
    """Return JSON with something changed, lost, moved, repeated or nested, or what is no JSON any more."""
    deed = rng.randrange(8)
    if deed < 5:
        document = json.loads(text)
        for _ in range(rng.choice([1, 1, 2, 4])):
            change(rng, document)
        return json.dumps(document)
    if deed == 5:  # a name or word becomes another that stands there: names stand twice, links lead elsewhere
        words = list(re.finditer(r'"[^"]*"', text))
        return put(text, rng.choice(words), rng.choice(words).group())
    if deed == 6:
        values = list(re.finditer(r"-?\d+|true|false|null", text)) or [re.match("", text)]
        return put(text, rng.choice(values), rng.choice(WORDS))
    return damage(rng, text.encode(), text.encode()).decode("utf-8", "replace")


def put(text: str, match: Any, new: str) -> str:
    """Return text with another word in the place of a match."""
    return text[: match.start()] + new + text[match.end() :]


def change(rng: random.Random, document: Any) -> None:
    """Change one member of a list or object, somewhere."""
    places = [(node, key) for node in nodes(document) for key in keys(node)]
    if not places:
        return
    node, key = rng.choice(places)
    other, other_key = rng.choice(places)
    deed = rng.randrange(6)
    if deed == 0:
        del node[key]
    elif deed == 1:
        node[key] = rng.choice(NUMBERS)
    elif deed == 2:
        node[key] = copy.deepcopy(rng.choice(VALUES))
    elif deed == 3:
        node[key] = json.loads(json.dumps(other[other_key]))
    elif deed == 4 and isinstance(node, list):
        node.extend(json.loads(json.dumps(node[key : key + 1] * rng.choice([1, 2, 300]))))
    else:
        for _ in range(rng.choice([1, 3, 60])):
            node[key] = [node[key]] if rng.random() < 0.5 else {"config": node[key]}


def keys(node: Any) -> list[Any]:
    """Return what the members of a list or object are found by."""
    return list(node) if isinstance(node, dict) else list(range(len(node)))


def nodes(document: Any) -> list[Any]:
    """Return all lists and objects in a document."""
    found, stack = [], [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict | list):
            found.append(node)
            stack += node.values() if isinstance(node, dict) else node
    return found
