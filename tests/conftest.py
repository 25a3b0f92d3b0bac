"""Make `support`, the tables and helpers that the tests share, importable by that name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
