"""Activations by name, "relu" or "leaky_relu(0.2)": the one place where names are read and written."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Real
from typing import NamedTuple

from fastnn._core.activation_table import ACTIVATIONS, Activation
from fastnn._core.checks import wrong_type

NAMES = tuple(row.name for row in ACTIVATIONS)


class Chosen(NamedTuple):
    """An activation as the kernels take it: its place in the table, and its parameters."""

    number: int
    parameters: tuple[float, ...] = ()

    @property
    def row(self) -> Activation:
        """What the table says of it."""
        return ACTIVATIONS[self.number]

    def __str__(self) -> str:
        """Return its name, with the parameters unless all are the defaults."""
        return self.row.name if self.parameters == defaults(self.row) else self.in_full()

    def in_full(self) -> str:
        """Return its name with all parameters."""
        return f"{self.row.name}({', '.join(repr(p).removesuffix('.0') for p in self.parameters)})"


def defaults(row: Activation) -> tuple[float, ...]:
    """Return the values of parameters that aren't given."""
    return tuple(value for _, value in row.parameters)


# Of each name, with the defaults.
PLAIN = {row.name: Chosen(number, defaults(row)) for number, row in enumerate(ACTIVATIONS)}


def parse(name: object) -> Chosen:
    """Return the activation of that name, or raise; parameters left out have their defaults."""
    if not isinstance(name, str):
        raise wrong_type("activation", name, f"one of {', '.join(NAMES)}")
    if name in PLAIN:
        return PLAIN[name]
    stem, _, rest = name.partition("(")
    if stem not in PLAIN:
        raise ValueError(f"activation is {name!r}, expected one of {', '.join(NAMES)}")
    number, plain = PLAIN[stem]
    row = ACTIVATIONS[number]
    try:
        given = tuple(float(text) for text in rest.removesuffix(")").split(","))
        sound = rest.endswith(")") and len(given) <= len(plain) and all(isfinite(value) for value in given)
    except ValueError:
        sound = False
    if not sound:
        signature = f"({', '.join(label for label, _ in row.parameters)})" if row.parameters else ""
        numbers = f", with finite numbers, such as {PLAIN[stem].in_full()}" if signature else ""
        raise ValueError(f"activation is {name!r}, expected {stem}{signature}{numbers}")
    return Chosen(number, given + plain[len(given) :])


def choose(name: str, parameters: Sequence[object]) -> Chosen:
    """Return an activation with these parameters, all of them, or raise if one isn't a finite number."""
    plain = PLAIN[name]
    if not parameters:
        return plain
    values = []
    for (label, _), value in zip(plain.row.parameters, parameters, strict=True):
        if not isinstance(value, Real):
            raise wrong_type(label, value, "a finite number")
        try:
            number = float(value)
        except OverflowError:
            raise ValueError(f"{label} is too large for float64, expected a finite number") from None
        if not isfinite(number):
            raise ValueError(f"{label} is {number}, expected a finite number")
        values.append(number)
    return Chosen(plain.number, tuple(values))
