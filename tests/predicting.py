"""What the tests of `fastnn predict` share: a network, rows, and runs that end well or say what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from support import Array

from fastnn import Dense, Network, cli

NET = Network(
    [
        Dense(np.random.default_rng(1).standard_normal((5, 4)), np.linspace(1, -1, 5), "relu"),
        Dense(np.random.default_rng(2).standard_normal((3, 5)), None, "softmax"),
    ],
    "float32",
)
X = np.random.default_rng(0).standard_normal((101, 4)).astype(np.float32)


def in_a_folder_with_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a folder that has the model: for a fixture."""
    monkeypatch.chdir(tmp_path)
    NET.save("net.safetensors")


def predict(*arguments: str) -> int:
    """Run the command and return its exit code."""
    return cli.main(["predict", "net.safetensors", *arguments])


def predicted(*arguments: str) -> Array:
    """Return what a run writes as .npy, into an empty folder."""
    Path("out").mkdir(exist_ok=True)
    assert predict(*arguments, "-o", "out/y.npy") == 0
    assert os.listdir("out") == ["y.npy"]
    written: Array = np.load("out/y.npy")
    return written


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line with which a run fails, which leaves an older output as it was and nothing else."""
    Path("out").mkdir(exist_ok=True)
    Path("out/y.npy").write_text("older")
    capsys.readouterr()
    assert predict(*arguments, "-o", "out/y.npy") == 1
    assert os.listdir("out") == ["y.npy"]
    assert Path("out/y.npy").read_text() == "older"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastnn predict: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("fastnn predict: error: ").rstrip("\n")


def csv_of(x: Array, header: str = "a,b,c,d", end: str = "\n") -> str:
    """Return the text of a .csv file; without a header if that is empty."""
    lines = [header] if header else []
    return end.join([*lines, *(",".join(map(str, row)) for row in x)]) + end
