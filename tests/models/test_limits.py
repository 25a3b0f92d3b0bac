"""The largest files that are read at all are refused within a second of the processor's time and 100 MB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from large_files import CONFIGS, HEADERS
from support import needs


@pytest.mark.parametrize("name", [*HEADERS, *CONFIGS])
def test_a_large_file(name: str) -> None:
    if name in CONFIGS:
        needs("h5py")
    command = [sys.executable, str(Path(__file__).with_name("large_files.py")), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seconds, megabytes, message = done.stdout.split(" ", 2)
    assert float(seconds) < 1
    assert float(megabytes) < 100
    assert message.strip() != "read"
    assert len(message) < 500
