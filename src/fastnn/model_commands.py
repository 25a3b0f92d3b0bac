"""``fastnn convert`` and ``fastnn summary``: one model file into another, and what one holds."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import fastnn
from fastnn.arguments import CommandError, either, target_named, would_replace
from fastnn.formats.files import kind_of
from fastnn.network import Network

# By a file's suffix: what writes it.
WRITERS: dict[str, Callable[[Network, Path], None]] = {
    ".safetensors": Network.save,
    ".onnx": Network.to_onnx,
}


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``fastnn convert`` to a parser."""
    parser.usage = "%(prog)s [-h] A B [--activations NAME ...]"  # A and B after NAMEs would be of them
    parser.add_argument("source", metavar="A", help="a model file of any format that fastnn reads")
    parser.add_argument("target", type=model_target, metavar="B", help=f"its name ends in {either(WRITERS)}")
    parser.add_argument(
        "--activations",
        nargs="+",
        metavar="NAME",
        help="what a safetensors file of a PyTorch state dict leaves open: one name for all layers but the "
        "last, or one for each, such as relu relu softmax",
    )


def model_target(text: str) -> Path:
    """Return the path of a model file that can be written."""
    return target_named(text, WRITERS)


def convert(options: argparse.Namespace) -> None:
    """Write a model in another format."""
    if would_replace(options.target, options.source):
        raise CommandError(f"{options.source} can't be both A and B")
    net = opened(options.source, options.activations)
    try:
        WRITERS[options.target.suffix.lower()](net, options.target)
    except ValueError as error:  # the format can't hold it
        raise CommandError(f"{options.target}: {error}") from error


def opened(path: str, activations: list[str] | None) -> Network:
    """Read a model file, or the state dict that somebody names the activations of."""
    if activations is None:
        return fastnn.open_model(path)
    if kind_of(path) != "safetensors":
        raise CommandError(f"--activations are a state dict's, but {path} is no safetensors file")
    return fastnn.from_torch(path, activations[0] if len(activations) == 1 else activations)


def add_summary_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``fastnn summary`` to a parser."""
    parser.add_argument("model", metavar="MODEL", help="a model file of any format that fastnn reads")


def summary(options: argparse.Namespace) -> None:
    """Print a model's layers."""
    print(fastnn.open_model(options.model).summary())
