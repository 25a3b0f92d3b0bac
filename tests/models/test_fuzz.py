"""A few thousand damaged files of each format; `make fuzz` tries many more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_targets import TARGETS
from support import needs

FUZZ = Path(__file__).with_name("fuzz.py")
PACKAGES = {"keras": "h5py", "onnx": "onnx"}


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_files(target: str) -> None:
    if target in PACKAGES:
        needs(PACKAGES[target])
    # In a process of its own: a crash would end it, and its memory is its own.
    command = [sys.executable, str(FUZZ), target, "--cases", "2000", "--seed", "1", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(part.split()[::-1] for part in done.stdout.strip().partition(": ")[2].split(", "))
    assert int(counts["read"]) + int(counts["refused"]) == 2000
    assert int(counts["read"]) > 20
    assert int(counts["refused"]) > 1000
