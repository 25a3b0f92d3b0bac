"""``fastnn show``: a model as a page."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from fastnn import models
from fastnn.arguments import CommandError, printable, target_named, would_replace
from fastnn.formats.files import replacing
from fastnn.show.page import exact, page

DESCRIPTION = (
    "Write one HTML page that loads nothing: a network's drawing, its layers, its weights, and for small "
    "networks inputs to change."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("model", metavar="MODEL", help="a model file of any format that fastnn reads")
    parser.add_argument(
        "-o",
        "--output",
        type=page_target,
        metavar="PAGE.html",
        help="the page, replaced if it is there (default: MODEL's name with .html, in the current folder)",
    )
    # Until Python 3.14, argparse takes -1e-3 for an option.
    parser._negative_number_matcher = re.compile(r"-\.?\d")
    parser.add_argument(
        "--range",
        nargs=2,
        type=finite,
        default=(-3.0, 3.0),
        metavar=("LOW", "HIGH"),
        help="of the inputs' sliders (default: -3 3)",
    )


def page_target(text: str) -> Path:
    """Return the path of a page that can be written."""
    return target_named(text, (".html", ".htm"))


def finite(text: str) -> float:
    """Return a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} isn't a finite number")
    return value


def run(options: argparse.Namespace) -> None:
    """Write the page, and print where it is."""
    low, high = options.range
    if not low < high:
        raise CommandError(f"--range is {exact(low)} {exact(high)}, expected LOW < HIGH")
    model = Path(options.model)
    output = options.output or beside(model)
    net = models.open_model(model)
    if would_replace(output, model):
        raise CommandError(f"{output} is the model itself, expected another name for the page")
    html = page(net, model.name, low, high)
    with replacing(output) as file:
        file.write(html.encode("utf-8", "replace"))
    print(printable(str(output)))


def beside(model: Path) -> Path:
    """Return the page that is written unless another is asked for."""
    try:
        return page_target(f"{model.stem}.html")
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"{error}; --output names another page") from None
