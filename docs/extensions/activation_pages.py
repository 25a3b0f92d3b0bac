"""The directive `activations`: the activations' functions, from their table."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from fastnn._core.activation_table import ACTIVATIONS, Activation


class Activations(SphinxDirective):
    """A table of all activations, then each one's functions."""

    def run(self) -> list[nodes.Node]:
        """Return what `lines` makes."""
        return self.parse_text_to_nodes("\n".join(lines()))


def lines() -> list[str]:
    """Return the table and the functions as MyST."""
    table = ["| name | formula | derivative | parameters |", "|---|---|---|---|", *map(row_of, ACTIVATIONS)]
    return [*table, "", "```{eval-rst}", *functions(), "```"]


def row_of(row: Activation) -> str:
    """Return an activation's row."""
    parameters = ", ".join(f"{name} = {value:.6g}" for name, value in row.parameters)
    formula, derivative = (text.replace("|", "\\|") for text in (row.formula, row.derivative))
    return f"| `{row.name}` | {formula} | {derivative or 'of a whole row'} | {parameters} |"


def functions() -> Iterator[str]:
    """Yield a directive for each public function."""
    for row in ACTIVATIONS:
        if row.title or row.row_wise:
            yield f".. autofunction:: fastnn.{row.name}"
        if row.title:
            yield f".. autofunction:: fastnn.{row.name}_derivative"


def keep_bars(app: Sphinx, what: str, name: str, obj: object, options: object, text: list[str]) -> None:
    """Let the bars of an absolute value be bars: in reStructuredText they are a substitution."""
    text[:] = [line.replace("|z|", "\\|z\\|") for line in text]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.setup_extension("sphinx.ext.autodoc")
    app.add_directive("activations", Activations)
    app.connect("autodoc-process-docstring", keep_bars)
    return {"parallel_read_safe": True}
