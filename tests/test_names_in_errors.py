"""Names in a file are no one's words: an error shows them escaped, in one line and not at length."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import write_safetensors

import fastnn
from fastnn import ModelFileError
from fastnn.cli import main

# Colours, a title for the window, a line of its own, from right to left, back to the line's beginning.
HOSTILE = "\x1b[2J\x1b]0;x\x07\nERROR: root\u202e\r\x9b1m"
ONE = np.ones((2, 2), np.float32)
OWN = {"format": "pt", "fastnn": json.dumps({"schema": 1, "layers": [{"activation": "relu"}]})}


def shows_no_control(message: str) -> bool:
    return all(c.isprintable() for c in message)


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"0.weight": ONE, HOSTILE: ONE}, OWN),
        ({"0.weight": ONE, HOSTILE * 20: ONE}, OWN),
        ({HOSTILE: np.ones(2, np.int32)}, OWN),
        ({f"{HOSTILE}.running_mean": ONE}, OWN),
        ({HOSTILE: ONE, "0.weight": ONE}, None),
        ({f"{HOSTILE}.weight": ONE, "0.weight": np.ones((7, 5), np.float32)}, None),
        ({f"{HOSTILE}.weight": ONE, f"{HOSTILE}.bias": np.ones(3, np.float32)}, None),
    ],
    ids=["spare", "long", "integers", "batch norm", "of no layer", "widths", "bias"],
)
def test_of_tensors(
    tmp_path: Path,
    tensors: dict[str, Any],
    metadata: dict[str, str] | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "net.safetensors"
    write_safetensors(path, tensors, metadata)
    read: Callable[[], object] = (
        (lambda: fastnn.load(path)) if metadata else (lambda: fastnn.from_torch(path, "identity"))
    )
    with pytest.raises(ModelFileError) as caught:
        read()
    assert "\\x1b[2J" in str(caught.value)
    assert shows_no_control(str(caught.value))
    assert len(str(caught.value)) < 500 + len(str(path))
    assert main(["summary", str(path)]) == 1
    assert shows_no_control(capsys.readouterr().err.removesuffix("\n"))


def test_of_arrays_in_a_state_dict() -> None:
    states: list[dict[str, Any]] = [{HOSTILE: 3}, {HOSTILE: np.ones(2, int)}]
    for state in states:
        with pytest.raises(TypeError, match=r"^'\\x1b\[2J") as caught:
            fastnn.from_torch(state, "relu")
        assert shows_no_control(str(caught.value))


class TestOfTheCommands:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        fastnn.Network([fastnn.Dense(ONE)]).save("net.safetensors")

    def refused(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert error.endswith("\n")
        assert shows_no_control(error[:-1])
        return error

    @pytest.mark.parametrize(
        "text",
        ["{0},1\n2,3\n", "{0},b\n{0},1\n", "{0},b,c\n1,2,3\n", "a,b\n1,{0}\n"],
        ids=["doubtful", "no number", "width", "field"],
    )
    def test_columns(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        odd = HOSTILE.replace("\n", " ").replace("\r", "")
        Path("x.csv").write_text(text.format(odd), encoding="utf-8", newline="")
        assert "x.csv" in self.refused(capsys, "predict", "net.safetensors", "x.csv", "-o", "y.csv")

    def test_arrays(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.savez("x.npz", **{HOSTILE.replace("\0", ""): ONE})
        error = self.refused(
            capsys, "predict", "net.safetensors", "x.npz", "-o", "y.csv", "--member", HOSTILE[:-1]
        )
        assert "\\x1b[2J" in error

    def test_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        odd = HOSTILE.replace("/", "")
        assert self.refused(capsys, "summary", odd).startswith("fastnn summary: error: \\x1b[2J")
        try:
            Path(odd).write_bytes(b"?" * 400)
        except OSError:
            pytest.skip("no file can have such a name here")
        assert "\\x1b[2J" in self.refused(capsys, "summary", odd)
