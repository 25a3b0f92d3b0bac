"""What an operator is to the reader: a function of values, whose signature is the operator's.

Its positional parameters after the context are the operator's inputs, its keywords the attributes with ONNX's
defaults. A value is an array that the file fixes, or an `Affine` tensor that depends on the input. Sizes of
the input are arrays of objects, in which None is the number of examples.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

import numpy as np
from onnx import AttributeProto, TensorProto

from fastnn.formats.onnx.affine import Affine, Budget
from fastnn.formats.onnx.graph import Node
from fastnn.formats.onnx.tensors import Array

Value = Array | Affine
Function = TypeVar("Function", bound=Callable[..., Array | Affine])
Ints = tuple[int, ...]
Floats = tuple[float, ...]
Strings = tuple[str, ...]

ML = "ai.onnx.ml"
MAX_INPUTS = 10_000


@dataclass(frozen=True)
class Context:
    """What an operator's function knows beside values: its node, and what the reading may still cost."""

    node: Node
    budget: Budget


class Field(NamedTuple):
    """How an attribute of one type lies in the file."""

    number: int
    name: str
    convert: Callable[[Any], Any] = lambda value: value


FIELDS = {
    int: Field(AttributeProto.INT, "i"),
    float: Field(AttributeProto.FLOAT, "f"),
    str: Field(AttributeProto.STRING, "s", lambda value: value.decode(errors="replace")),
    Ints: Field(AttributeProto.INTS, "ints", tuple),
    Floats: Field(AttributeProto.FLOATS, "floats", tuple),
    Strings: Field(AttributeProto.STRINGS, "strings", tuple),
    TensorProto: Field(AttributeProto.TENSOR, "t"),
}
ABOUT = {"name", "type", "doc_string"}


@dataclass(frozen=True)
class Operator:
    """A function with what its signature says of inputs and attributes."""

    function: Callable[..., Value]
    least: int
    most: int
    attributes: Mapping[str, tuple[Any, Any]]

    def __call__(self, context: Context, inputs: Sequence[Value | None]) -> Value:
        """Return the node's first output."""
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        if not self.least <= len(inputs) <= self.most or any(value is None for value in inputs[: self.least]):
            raise ValueError(f"{len(inputs)} inputs, expected {self.least} to {self.most}")
        return self.function(context, *inputs, **self.read_attributes(context.node.attributes))

    def read_attributes(self, found: Mapping[str, AttributeProto]) -> dict[str, Any]:
        """Return the node's attributes, the defaults among them."""
        unknown = found.keys() - self.attributes.keys()
        if unknown:
            raise ValueError(f"attribute {min(unknown)!r}, which fastnn doesn't know of this operator")
        values = {}
        for name, (kind, default) in self.attributes.items():
            if name in found:
                values[name] = read_attribute(name, found[name], FIELDS[kind])
            elif default is inspect.Parameter.empty:
                raise ValueError(f"no attribute {name!r}")
            else:
                values[name] = default
        return values


def read_attribute(name: str, attribute: AttributeProto, field: Field) -> Any:
    """Return an attribute's value, if it is of the type it should be and of no other."""
    others = {entry.name for entry, _ in attribute.ListFields()} - ABOUT - {field.name}
    if attribute.type != field.number or others:
        raise ValueError(f"attribute {name!r} of another type, expected {field.name}")
    return field.convert(getattr(attribute, field.name))


class Operators(dict[tuple[str, str], Operator]):
    """Operators by domain and name."""

    def reads(self, name: str, domain: str = "") -> Callable[[Function], Function]:
        """Return what makes a function the one that reads an operator."""

        def register(function: Function) -> Function:
            self[domain, name] = operator_of(function)
            return function

        return register


def operator_of(function: Callable[..., Value]) -> Operator:
    """Return what a function's signature says of an operator."""
    hints = get_type_hints(function)
    _, *parameters = inspect.signature(function).parameters.values()
    named = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    inputs = [parameter for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    many = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in inputs)
    least = sum(parameter.default is parameter.empty for parameter in inputs) - many
    attributes = {
        parameter.name: (required_type(hints[parameter.name]), parameter.default) for parameter in named
    }
    return Operator(function, least, MAX_INPUTS if many else len(inputs), attributes)


def required_type(hint: Any) -> Any:
    """Return the type that a hint names, None left out."""
    if hint in FIELDS:
        return hint
    (kind,) = (part for part in get_args(hint) if part is not type(None))
    return kind


def data(value: Value) -> Affine:
    """Return a tensor that depends on the input."""
    if isinstance(value, Affine):
        return value
    raise ValueError(f"a constant of shape {value.shape}, expected data")


def numbers(value: Value) -> Array:
    """Return a constant's numbers."""
    if isinstance(value, Affine):
        raise ValueError("data, expected a constant")
    if value.dtype == object:
        raise ValueError("arithmetic with the number of examples")
    return value


def integers(value: Value) -> list[int]:
    """Return a constant's integers."""
    return sizes(numbers(value))


def sizes(value: Value) -> list[Any]:
    """Return a constant's integers, in which None is the number of examples."""
    if isinstance(value, Affine) or value.dtype.kind not in "iuO" or value.ndim > 1:
        raise ValueError("an input of another kind, expected a list of integers")
    return list(np.atleast_1d(value).tolist())
