"""Tests beside other libraries' models; `support.needs` says what happens where one isn't installed."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# Keras chooses its backend when it is imported, and TensorFlow needn't be there.
os.environ.setdefault("KERAS_BACKEND", "torch")

# No tests are in them, and onnx needn't be there either.
collect_ignore = ["fuzz_onnx.py", "fuzz_onnx_constants.py", "onnx_cases.py", "onnx_models.py"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an ONNX file may be written."""
    return tmp_path / "net.onnx"
