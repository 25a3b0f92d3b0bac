"""Every public name says what it takes, gives and raises, with an example, and is in the reference."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docstrings import documentation_of, sections

import fastnn
from fastnn import activations, dask, plot
from fastnn._core.activation_table import ACTIVATIONS

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
INTERNAL = {"plan_row"}  # how a network's engine gets at a layer
ELSEWHERE = {"fastnn.activations.check_name": activations.check_name, "fastnn.dask.predict": dask.predict}
ARRAY = re.compile(r":\s*(array|ndarray|dask\.array|iterable of array|sequence of (float|sequence))")


def public() -> Iterator[tuple[str, Any]]:
    """Yield every public function, class and method with its name."""
    for module in (fastnn, plot):
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value):
                continue
            yield f"{module.__name__}.{name}", value
            if inspect.isclass(value):
                yield from methods(f"{module.__name__}.{name}", value)
    yield from ELSEWHERE.items()


def methods(owner: str, kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods of a class of fastnn's."""
    for name, value in inspect.getmembers(kind, callable):
        if (
            name not in INTERNAL
            and (name == "__call__" or not name.startswith("_"))
            and name not in dir(Exception)
        ):
            yield f"{owner}.{name}", value


def described(section: str) -> dict[str, str]:
    """Return each parameter with its type and text."""
    entries = re.split(r"^(\w[\w, *]*?)(?= : |$)", section, flags=re.MULTILINE)
    return {
        name: text
        for names, text in zip(entries[1::2], entries[2::2], strict=True)
        for name in names.split(", ")
    }


NAMES = dict(public())
FUNCTIONS = {
    name: value
    for name, value in NAMES.items()
    if not (inspect.isclass(value) and issubclass(value, Exception))
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def taken(name: str) -> list[str]:
    """Return the names of a function's or a constructor's parameters."""
    return [parameter for parameter in signature(name).parameters if parameter != "self"]


def signature(name: str) -> inspect.Signature:
    """Return a function's signature; Cython hides that of a special method."""
    compiled = name == "fastnn.Network.__call__"
    return inspect.signature(fastnn.Dense.__call__ if compiled else FUNCTIONS[name])


def test_there_is_something_to_check() -> None:
    assert {"fastnn.Network.trace", "fastnn.Network.__call__", "fastnn.relu", "fastnn.plot.network"} <= set(
        NAMES
    )
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_begins_with_a_sentence(name: str) -> None:
    first = documentation_of(NAMES[name])
    assert re.match(r"[A-Z].*[.,;:]", first), f"{name}: {first[:80]!r}"


@every_function
def test_parameters(name: str) -> None:
    found = described(sections(documentation_of(FUNCTIONS[name])).get("Parameters", ""))
    assert list(found) == taken(name)
    for parameter, text in found.items():
        kind, *rest = text.strip().split("\n", 1)
        assert kind.startswith(":"), f"{name}: {parameter} has no type"
        assert rest, f"{name}: {parameter} isn't described"
        if ARRAY.match(kind):
            assert re.search(r"\bshape|axis", text), f"{name}: {parameter} says nothing of its shape"


@every_function
def test_returns_raises_and_an_example(name: str) -> None:
    documentation = documentation_of(FUNCTIONS[name])
    found = sections(documentation)
    if not inspect.isclass(FUNCTIONS[name]) and "None" not in str(signature(name).return_annotation):
        assert found.get("Returns") or found.get("Yields")
    if taken(name):
        assert found.get("Raises")
    example = found.get("Examples", "")
    assert doctest.DocTestParser().get_examples(example) or re.search(r"See `[\w.]+`", example)


def test_properties() -> None:
    for owner in (fastnn.Network, fastnn.Dense, fastnn.Perceptron):
        for name, value in inspect.getmembers(owner):
            if not name.startswith("_") and not callable(value):
                attributes = sections(documentation_of(owner)).get("Attributes", "")
                documented = isinstance(value, property) and documentation_of(value)
                assert documented or name in described(attributes), f"{owner.__name__}.{name}"


@pytest.mark.skipif(not REFERENCE.exists(), reason="the tests of a wheel have no docs beside them")
def test_everything_is_in_the_reference() -> None:
    pages = "\n".join(path.read_text("utf-8") for path in REFERENCE.glob("*.md"))
    written = set(re.findall(r"auto\w+:: ([\w.]+)", pages))
    written |= {f"fastnn.{row.name}{rest}" for row in ACTIVATIONS for rest in ("", "_derivative")}
    written |= {f"fastnn.{name}" for name in fastnn.__all__ if name.startswith("from_")}
    written |= {"fastnn.load", "fastnn.open_model"}
    missing = {name for name in NAMES if name.count(".") == 1 + name.startswith("fastnn.plot.")}
    missing = (missing | ELSEWHERE.keys()) - written
    assert not missing
