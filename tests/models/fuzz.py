"""Damaged and hostile model files: each gives a network that works, or `ModelFileError`, and soon.

    .venv/bin/python tests/models/fuzz.py native --cases 100000

A case depends on its number and the seed alone: ``--first 4711 --cases 1 --keep PATH`` does one again and
keeps its file.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from fuzz_targets import TARGETS
from tqdm import tqdm

from fastnn import ModelFileError, Network

SECONDS = 1.0  # of the processor's time, for each
MEGABYTES = 100  # more than before it was read
MESSAGE = 1000  # characters
MOST_BYTES = 2**20  # of a file: SECONDS and MEGABYTES are for small ones
HANGS = 120  # seconds of the clock, for a hundred


def run(
    target: str, cases: int, seed: int = 0, first: int = 0, keep: Path | None = None, progress: bool = False
) -> Counter[str]:
    """Read so many damaged files, and return how many were read and refused; anything else is an error."""
    suffix, samples, damaged, read = TARGETS[target]
    counts = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = keep or Path(folder, f"model.{suffix}")
        files = samples(path.parent)  # ONNX's name a file beside it
        for data in files:
            path.write_bytes(data)
            works(read(path))
        for case in tqdm(range(first, first + cases), target, disable=not progress, mininterval=1):
            if case % 100 == 0:
                faulthandler.dump_traceback_later(HANGS, exit=True)
            rng = random.Random(f"{seed} {case}")
            path.write_bytes(damaged(rng, rng.choice(files), rng.choice(files))[:MOST_BYTES])
            forget_peak()
            before, began = peak_megabytes(), time.process_time()
            try:
                works(read(path))
                counts["read"] += 1
            except ModelFileError as error:
                if str(path) not in str(error) or len(str(error)) > MESSAGE:
                    raise AssertionError(f"case {case} of seed {seed} has a bad message") from error
                counts["refused"] += 1
            except BaseException as error:
                error.add_note(f"case {case} of seed {seed}")
                raise
            took, grown = time.process_time() - began, peak_megabytes() - before
            assert took < SECONDS, f"case {case} of seed {seed} took {took:.1f} s"
            assert grown < MEGABYTES, f"case {case} of seed {seed} took {grown:.0f} MB"
    faulthandler.cancel_dump_traceback_later()
    return counts


def works(net: Network) -> None:
    """Call a network."""
    with np.errstate(all="ignore"):
        assert net(np.zeros((2, net.n_inputs))).shape == (2, net.n_outputs)


def forget_peak() -> None:
    """Let the peak be what is in use now, where that can be: what made the file counts no more."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> float:
    """Return the most memory that this process has had, where the system says so."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main() -> None:
    """Fuzz what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="+", choices=TARGETS)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--quiet", action="store_true")
    arguments = parser.parse_args()
    for target in arguments.target:
        chosen = (arguments.cases, arguments.seed, arguments.first, arguments.keep, not arguments.quiet)
        counts = run(target, *chosen)
        print(f"{target}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
