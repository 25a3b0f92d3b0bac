"""Make `support`, the tables and helpers that the tests share, importable by that name; print their sums."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums of what tests that passed gave to `record_property`."""
    sums: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, count in report.user_properties:
            sums[name] += count
    for name, total in sums.items():
        terminalreporter.write_line(f"{total:,} {name}")
