"""Tests beside other libraries' models; `support.needs` says what happens where one isn't installed."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# Keras chooses its backend when it is imported, and TensorFlow needn't be there.
os.environ.setdefault("KERAS_BACKEND", "torch")
