"""The directive `commands`: the help of every command, as argparse has it."""

from __future__ import annotations

import argparse

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from fastnn import cli


class Commands(SphinxDirective):
    """The help of the whole, and a section for each command."""

    def run(self) -> list[nodes.Node]:
        """Return what the parsers say."""
        whole = cli.parser()
        (commands,) = (a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
        top = self.parse_text_to_nodes(block(whole))
        text = "\n".join(f"## fastnn {name}\n\n{block(one)}" for name, one in commands.choices.items())
        return [*top, *self.parse_text_to_nodes(text, allow_section_headings=True)]


def block(parser: argparse.ArgumentParser) -> str:
    """Return a parser's help as MyST."""
    return f"```text\n{parser.format_help().rstrip()}\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
