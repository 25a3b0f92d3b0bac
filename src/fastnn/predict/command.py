"""``fastnn predict``: what it is asked for, and the run."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import fastnn
from fastnn.arguments import CommandError, either, positive, target_named, would_replace
from fastnn.formats.files import replacing
from fastnn.network import Network
from fastnn.predict.beside import Beside, OnDisk
from fastnn.predict.inputs import READERS, Source, open_sources
from fastnn.predict.outputs import ANSWERS, WRITERS, Answer
from fastnn.predict.tables import Array, Options
from fastnn.streaming import progress_bar, rows_in_block

DESCRIPTION = f"""\
Compute a network's outputs for every row of a file, or of all files of a folder in the order of their names,
and write them to one file. Rows are read, computed and written a block at a time: memory stays the same
whatever the size. The output is written beside its place and moved there when it is whole; a file that is
there is replaced. Inputs: {either(READERS)}; outputs: {either(WRITERS)}."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("model", metavar="MODEL", help="a model file of any format that fastnn reads")
    parser.add_argument("input", type=Path, metavar="INPUT", help="a file, or a folder of files")
    parser.add_argument("-o", "--output", type=output, required=True, metavar="OUTPUT", help="a file")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument(
        "--proba",
        dest="answer",
        action="store_const",
        const="proba",
        help="write probabilities: the outputs, but only of a network that ends in softmax or sigmoid",
    )
    answer.add_argument(
        "--classes",
        dest="answer",
        action="store_const",
        const="classes",
        help="write the index of the largest output, or for a single sigmoid whether it is above 0.5; "
        "-1 where an output is NaN",
    )
    parser.set_defaults(answer="outputs")
    parser.add_argument(
        "--columns",
        type=columns,
        metavar="A,B,C",
        help="the features in the network's order: names of columns, or indices from 0, or ranges of them "
        "such as 1:785, of which the last is left out (default: all columns)",
    )
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether a .csv file's first line names the columns (default: if it is all text, and an error "
        "where that is in doubt)",
    )
    parser.add_argument("--member", metavar="NAME", help="an array of a .npz file (default: all in turn)")
    parser.add_argument(
        "--nan",
        choices=["keep", "error"],
        default="keep",
        help="what NaN or a missing number in the input is: a number like others, whose row's outputs may be "
        "NaN, or an error that says where (default: keep)",
    )
    parser.add_argument(
        "--dtype", choices=["float32", "float64"], help="what to compute in (default: what the model is)"
    )
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="at most so many (default: the processors there are, or FASTNN_NUM_THREADS)",
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        metavar="ROWS",
        help="how many to read at a time (default: what 32 MiB hold); the result is the same",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress, not even on a terminal")


def output(text: str) -> Path:
    """Return the path of a file that can be written in a format that can be written."""
    path = target_named(text, WRITERS)
    if path.suffix.lower() == ".parquet" and not find_spec("pyarrow"):
        raise argparse.ArgumentTypeError("writing .parquet needs pyarrow: pip install pyarrow")
    return path


def columns(text: str) -> list[str]:
    """Return what is listed as in a line of a .csv file, so that a quoted name may have a comma."""
    try:
        (fields,) = csv.reader([text], skipinitialspace=True, strict=True)
    except csv.Error as error:
        raise argparse.ArgumentTypeError(f"{text!r} isn't a list of columns: {error}") from None
    if not fields:
        raise argparse.ArgumentTypeError(f"{text!r} isn't a list of columns: it is empty")
    return [field.strip() for field in fields]


def run(options: argparse.Namespace) -> None:
    """Check everything that can be checked beforehand, then stream."""
    net = fastnn.open_model(options.model)
    if options.dtype:
        net = net.astype(options.dtype)
    if options.threads:
        fastnn.set_num_threads(options.threads)
    answer = ANSWERS[options.answer](net)
    read = Options(options.header, options.member)
    sources = open_sources(options.input, read, options.columns, net.n_inputs)
    refuse_own_input(options.input, sources, options.output)
    stream(net, sources, answer, options)


def refuse_own_input(path: Path, sources: Sequence[Source], target: Path) -> None:
    """Raise if the output would replace an input, or be one the next time."""
    if any(would_replace(target, source.table.path) for source in sources):
        raise CommandError(f"{target} is an input, and can't be the output too")
    if path.is_dir() and target.parent == path.resolve():
        raise CommandError(f"{target} lies in the folder of inputs, and would be one of them the next time")


def stream(net: Network, sources: Sequence[Source], answer: Answer, options: argparse.Namespace) -> None:
    """Read and compute a block at a time, and write one beside the next."""
    rows = rows_in_block(net, options.batch_size)
    known = [source.table.rows for source in sources if source.table.rows is not None]
    total = sum(known) if len(known) == len(sources) else None
    with (
        replacing(options.output) as file,
        progress_bar(total, False if options.quiet else None) as bar,
        closing(WRITERS[options.output.suffix.lower()](file, answer.layout)) as writer,
    ):
        disk = OnDisk(file)

        def write(y: Array) -> None:
            writer.write(answer.of(y))
            disk.follow()
            bar.update(len(y))

        with Beside() as writing:
            for source in sources:
                for y in net.iter_predict(source.blocks(rows, allow_nan=options.nan == "keep")):
                    writing.do(partial(write, y))
        writer.finish()
