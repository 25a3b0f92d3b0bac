"""The plugin of coverage.py for Cython's lines: Cython's own, told of all generated files beforehand.

By itself it looks for them when a module first runs a line, and gives up if that is in an included file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from Cython.Coverage import Plugin


class AllFiles(Plugin):
    """Reads the generated files once it knows which lines don't count."""

    def configure(self, config: Any) -> None:
        """Read them; coverage.py calls this."""
        super().configure(config)  # type: ignore[no-untyped-call]
        for path in sorted(Path(os.environ["FASTNN_TRACED"]).rglob("*.c")):
            self._read_source_lines(str(path), "")  # type: ignore[no-untyped-call]


def coverage_init(registry: Any, options: Any) -> None:
    """Register the plugin; coverage.py calls this."""
    plugin = AllFiles()
    registry.add_file_tracer(plugin)
    registry.add_configurer(plugin)
