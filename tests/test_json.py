"""JSON from files: how deep it may be, how long that takes to find out, and that it can't end the process."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from support import output_of

from fastnn import ModelFileError
from fastnn.formats.files import MAX_NESTING, parse_json

MANY = 1 << 20

DEEP = """
import sys
import fastnn
from fastnn.formats.files import MAX_NESTING, parse_json

sys.setrecursionlimit(100_000)
for text in ("[" * 1_000_000, '{"a":' * 1_000_000, '[{"a":' * 500_000):
    try:
        parse_json(text.encode(), "it")
    except fastnn.ModelFileError as error:
        print(error)
"""


def test_a_million_brackets_under_a_high_limit_on_recursion() -> None:
    assert output_of(DEEP) == "it is no JSON: it has brackets in brackets, more than 100 deep\n" * 3


@pytest.mark.parametrize("ends", [("[", "]"), ('{"a":', "}"), ('[{"a\\"":', "}]")], ids=["[", "{", "[{"])
def test_the_deepest(ends: tuple[str, str]) -> None:
    begin, end = ends
    times = MAX_NESTING // len(end)
    text = begin * times + "0" + end * times
    assert parse_json(text, "it") == json.loads(text)
    with pytest.raises(
        ModelFileError, match=r"^it is no JSON: it has brackets in brackets, more than 100 deep$"
    ):
        parse_json(f"[{text}]", "it")


@pytest.mark.parametrize(
    "value",
    [
        "[" * 1000,
        '"' + "{" * 1000,
        "\\" + "[" * 1000,
        '\\"[\\' * 1000,
        "é[" * 1000,
        '\u20ac"[' * 1000,
        "\n[" * 1000,
        {"[" * 1000: "]" * 1000},
        [[], {}] * 1000,
        "\ud800[" * 1000,
    ],
    ids=ascii,
)
@pytest.mark.parametrize("plain", [True, False])
def test_brackets_in_strings_do_not_count(value: Any, plain: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain)
    assert parse_json(text, "it") == value


@pytest.mark.parametrize(
    "text",
    [
        *['"' * MANY, "\\" * MANY, '"' + "\\" * MANY, '\\"' * MANY, '"\\' * MANY, '"' + '\\"' * MANY],
        *['"a' * MANY, '"\\\\' * MANY, '"' + "a" * MANY, "[" * MANY, "[]" * MANY, "[" + "[]," * (MANY // 4)],
        *['"\n' * MANY, "é" * MANY, '"é' * MANY, "]" * MANY, "}{" * MANY, "a" * MANY],
    ],
    ids=lambda text: ascii(text[:5]),
)
def test_hostile_text_is_refused_in_time(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ModelFileError):
        parse_json(text, "it")
    assert time.process_time() - began < 2


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there, Python's limit isn't of its calls in C")
def test_a_low_limit_on_recursion() -> None:
    text = "[" * 90 + "]" * 90
    before = sys.getrecursionlimit()
    depth = 0
    frame: Any = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 60)
    try:
        with pytest.raises(ModelFileError, match="no JSON: maximum recursion depth"):
            parse_json(text, "it")
    finally:
        sys.setrecursionlimit(before)
