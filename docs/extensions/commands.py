"""The directives `overview` and `commands`: the help of the command line, as argparse has it."""

from __future__ import annotations

import argparse

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from fastnn import cli


class Overview(SphinxDirective):
    """The help of the whole command line."""

    def run(self) -> list[nodes.Node]:
        """Return what its parser says."""
        return self.parse_text_to_nodes(block(cli.parser()))


class Commands(SphinxDirective):
    """A section for each command, with its help."""

    def run(self) -> list[nodes.Node]:
        """Return what the parsers say."""
        (commands,) = (a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
        text = "\n".join(f"## fastnn {name}\n\n{block(one)}" for name, one in commands.choices.items())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def block(parser: argparse.ArgumentParser) -> str:
    """Return a parser's help as MyST."""
    return f"```text\n{parser.format_help().rstrip()}\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directives."""
    app.add_directive("overview", Overview)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
