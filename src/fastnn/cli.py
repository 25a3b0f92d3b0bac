"""The command line: a table of commands, and how each of them ends."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import fastnn
from fastnn import demo, info, model_commands
from fastnn.arguments import CommandError
from fastnn.bench import command as bench
from fastnn.formats.files import visible
from fastnn.predict import command as predict
from fastnn.show import command as show

INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended
KILLED = 128  # and, with the signal's number added, of one that a signal ended

# For the user to mend: a line is enough.
EXPECTED = (CommandError, fastnn.ModelFileError, OSError, ImportError, MemoryError)


class Command(NamedTuple):
    """What ``fastnn NAME`` does."""

    help: str
    run: Callable[[argparse.Namespace], object]
    add_arguments: Callable[[argparse.ArgumentParser], object] = lambda parser: None
    description: str | None = None


COMMANDS = {
    "predict": Command(
        "a network's outputs for all rows of files",
        predict.run,
        predict.add_arguments,
        predict.DESCRIPTION,
    ),
    "convert": Command(
        "a model file from one format into another",
        model_commands.convert,
        model_commands.add_convert_arguments,
        "Read a model file of any format that fastnn reads and write it in the format that B's name says. "
        "If A has golden vectors, they are checked; B has none.",
    ),
    "summary": Command(
        "the layers of a model file", model_commands.summary, model_commands.add_summary_arguments
    ),
    "show": Command("a model file as a page to look at", show.run, show.add_arguments, show.DESCRIPTION),
    "demo": Command(
        "a worked example, then handwritten digits, timed side by side", lambda options: demo.run()
    ),
    "bench": Command(
        "how fast the kernels are, beside what this processor can do",
        bench.run,
        bench.add_arguments,
        "Measure layers, activations, networks and batch sizes in turns with bare multiply-adds "
        "and bare reading: half a minute for each instruction set and dtype.",
    ),
    "info": Command("version, instruction sets, threads, how it was built", lambda options: info.run()),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    whole = parser()
    if not arguments:
        whole.exit(2, whole.format_help())  # as it ends where something is missing
    options, unknown = whole.parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.command is None:
        whole.error("the following arguments are required: command")
    try:
        with ended_by_signals():
            COMMANDS[options.command].run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output wants no more: `fastnn bench | head`. Python would try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except EXPECTED as error:
        print(f"fastnn {options.command}: error: {in_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="fastnn",
        description="Feed-forward neural networks on CPUs: fast, small, the same bits everywhere.",
    )
    whole.add_argument("--version", action="version", version=f"fastnn {fastnn.__version__}")
    whole.set_defaults(parser=whole)  # which shows its usage where arguments are unknown
    commands = whole.add_subparsers(dest="command", metavar="command")
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.help, description=command.description)
        one.set_defaults(parser=one)
        command.add_arguments(one)
    return whole


def in_one_line(error: Exception) -> str:
    """Return an error's message, naming the file of a system's error first; a file's names can't forge it."""
    if isinstance(error, OSError) and error.filename is not None:
        return visible(f"{os.fsdecode(error.filename)}: {error.strerror}")
    return visible(" ".join(str(error).split())) or type(error).__name__


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the signals that ask a program to end do so like an error: no temporary file is left behind."""

    def end(number: int, frame: Any) -> None:
        raise SystemExit(KILLED + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # One that is ignored, as under nohup, still is.
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
