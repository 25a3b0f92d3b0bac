"""The directive `importers`: the public functions that make a network of something else."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import fastnn


class Importers(SphinxDirective):
    """The documentation of `load`, `open_model` and every `from_…`."""

    def run(self) -> list[nodes.Node]:
        """Return a description of each."""
        names = ["load", "open_model", *(name for name in fastnn.__all__ if name.startswith("from_"))]
        functions = "\n\n".join(f".. autofunction:: fastnn.{name}" for name in names)
        return self.parse_text_to_nodes(f"```{{eval-rst}}\n{functions}\n```")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.setup_extension("sphinx.ext.autodoc")
    app.add_directive("importers", Importers)
    return {"parallel_read_safe": True}
