"""The directive `shown`: code, run when the docs are built, and what a notebook shows of its last line."""

from __future__ import annotations

import ast
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

import fastnn


class Shown(Directive):
    """Code whose last line is an expression with a `_repr_html_`."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the code and what it shows."""
        code = "\n".join(self.content)
        source = nodes.literal_block(code, code, language="python")
        return [source, nodes.raw("", f'<div class="shown">{html_of(code)}</div>', format="html")]


def html_of(code: str) -> str:
    """Run code and return its last line's value as HTML."""
    *statements, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        raise ValueError(f"the last line of what is shown is no expression: {ast.unparse(last)}")
    names: dict[str, Any] = {"fastnn": fastnn}
    exec(compile(ast.Module(statements, []), "shown", "exec"), names)
    html: str = eval(compile(ast.Expression(last.value), "shown", "eval"), names)._repr_html_()
    return html


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("shown", Shown)
    return {"parallel_read_safe": True}
