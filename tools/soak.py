"""Mixed work from many threads for a set time, each result checked: `tools/soak.py --seconds 600`.

Between the work there are faults: wrong and hostile arguments, signals, forks, children that are killed in
the middle of a call, memory that runs out in a child, networks that are dropped while others use their
layers. It ends with exit code 1 if a result was wrong, an error another one than promised, a child didn't
come back or a thread didn't end, memory grew, or one of these faults was missing (in runs of 20 seconds or
more).
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import itertools
import os
import pickle
import random
import resource
import select
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastnn

Array = np.ndarray[Any, Any]

WIDTHS = ((2, 3, 2), (7, 7, 7), (30, 64, 64, 4), (300, 1), (128, 300, 10), (65, 7, 3), (500, 700, 20))
ROWS = (0, 1, 2, 7, 16, 33, 64, 200, 1500)
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu(0.2)", "clip(0, 6)", "gelu", "elu", "identity")
LAST = ("softmax", "log_softmax", "identity")
CHILD_LIMIT = 60  # seconds
THREAD_LIMIT = 3 * CHILD_LIMIT  # seconds that the last task of a thread may take
COMPLETE = 20  # seconds in which every kind of work is done, on two slow processors too

NO_MEMORY = "MemoryError in a child"
STARVED = 3  # the exit code of a child that ran out of memory
HUNGRY_BYTES = 2**18  # of a result that asks for new memory


class Case(NamedTuple):
    """A network, its input and what must come out, in another layout too."""

    net: fastnn.Network
    x: Array
    turned: Array
    expected: bytes
    saved: bytes


def cases(rng: np.random.Generator) -> list[Case]:
    """Return every network on every number of rows."""
    made = []
    for i, widths in enumerate(WIDTHS):
        names = [ACTIVATIONS[(i + j) % len(ACTIVATIONS)] for j in range(len(widths) - 2)]
        names.append(LAST[i % len(LAST)])
        layers = [
            fastnn.Dense(rng.standard_normal((m, n)) / n**0.5, rng.standard_normal(m), name)
            for (n, m), name in zip(itertools.pairwise(widths), names, strict=True)
        ]
        for dtype in ("float32", "float64"):
            net = fastnn.Network(layers, dtype)
            for rows in ROWS:
                x = rng.standard_normal((rows, widths[0])).astype(dtype)
                expected = net(x, threads=1).tobytes()
                made.append(Case(net, x, np.asfortranarray(x), expected, pickle.dumps(net)))
    return made


def call(case: Case, chance: random.Random) -> None:
    """Call the network in one of the ways that there are."""
    x = chance.choice((case.x, case.turned))
    out = np.empty((len(x), case.net.n_outputs), case.net.dtype) if chance.random() < 0.5 else None
    same(case.net(x, out, chance.choice((None, None, 1, 2, 3))), case)


def call_by_rows(case: Case, chance: random.Random) -> None:
    """Call it on parts, down to single examples."""
    cut = chance.randint(0, len(case.x))
    parts = [case.net(case.x[:cut]), *(case.net(row)[np.newaxis] for row in case.x[cut : cut + 3])]
    same(np.concatenate([*parts, case.net(case.x[cut + 3 :])]), case)


def build(case: Case, chance: random.Random) -> None:
    """Build it anew from its layers, or from a pickle."""
    again = fastnn.Network(case.net.layers) if chance.random() < 0.5 else pickle.loads(case.saved)
    same(again(case.x), case)


def file(case: Case, chance: random.Random) -> None:
    """Save and load it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.safetensors")
        case.net.save(path)
        same(fastnn.load(path)(case.x), case)
        damaged = bytearray(path.read_bytes())
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with contextlib.suppress(fastnn.ModelFileError):
            fastnn.load(path)


def wrong(case: Case, chance: random.Random) -> None:
    """Pass what must be refused."""
    n = case.net.n_inputs
    bad: list[tuple[Any, ...]] = [
        (np.ones(n + 1),),
        (np.ones((2, n), complex),),
        (np.ones((1, 1, n)),),
        ("x",),
        (None,),
        ([[1.0], []],),
        (case.x, np.empty((2, 2, 2))),
        (case.x, case.net.layers[0].weight),
        (case.x, None, 0),
        (case.x, None, "2"),
    ]
    try:
        case.net(*chance.choice(bad))
    except (TypeError, ValueError):
        return
    raise AssertionError("what must be refused was taken")


def in_child(work: Callable[[], int | None]) -> int:
    """Fork, work there, and return the child's pid; what the work returns is its exit code."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(work() or 0)
        except BaseException as error:
            os.write(2, f"in a child: {error!r}\n".encode())
            os._exit(1)
    return child


def reap(child: int) -> int:
    """Wait for a child, but not forever; return its exit code."""
    end = time.monotonic() + CHILD_LIMIT
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"a child didn't come back within {CHILD_LIMIT} s")


def fork(case: Case, chance: random.Random) -> None:
    """Work in a child, and in a child of it."""

    def work() -> None:
        same(case.net(case.x, threads=2), case)
        if reap(in_child(lambda: same(case.net(case.x, threads=2), case))):
            raise AssertionError("a child of a child failed")

    if reap(in_child(work)):
        raise AssertionError("a child failed")


def kill(case: Case, chance: random.Random) -> None:
    """Kill a child while it computes."""
    computes, begun = os.pipe()

    def work() -> None:
        same(case.net(case.x, threads=2), case)
        os.write(begun, b".")
        while True:
            case.net(case.x, threads=2)

    child = in_child(work)
    ready, _, _ = select.select([computes], [], [], CHILD_LIMIT)
    time.sleep(chance.random() / 50)
    os.kill(child, signal.SIGKILL)
    os.close(computes)
    os.close(begun)
    if reap(child) != -signal.SIGKILL or not ready:
        raise AssertionError("a child ended or hung before it was killed")


def starve(case: Case, chance: random.Random) -> str | None:
    """Give a child too little memory: a right result or MemoryError, and the next call is right."""

    def work() -> int:
        row = np.resize(case.x, case.net.n_inputs)
        expected = case.net(row)
        shape = (HUNGRY_BYTES // expected.nbytes, len(row))
        layouts = [np.broadcast_to(row, shape), np.broadcast_to(row[::-1].copy(), shape)[:, ::-1]]
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used, before[1]))
        kept = []
        with contextlib.suppress(MemoryError):
            while True:  # until what malloc has in reserve is used up
                kept.append(np.empty(2**16, np.uint8))
        resource.setrlimit(resource.RLIMIT_AS, (used + int(2 ** chance.uniform(12, 24)), before[1]))
        code = 0
        try:
            results = [case.net(x, threads=1) for x in layouts]
        except MemoryError:
            code = STARVED
        resource.setrlimit(resource.RLIMIT_AS, before)
        if code == STARVED:
            results = [case.net(x, threads=1) for x in layouts]
        if any(result.tobytes() != expected.tobytes() * len(result) for result in results):
            raise AssertionError(f"another result where memory is short: {case.net!r}")
        return code

    code = reap(in_child(work))
    if code not in (0, STARVED):
        raise AssertionError("a child without memory failed")
    return NO_MEMORY if code == STARVED else None


def same(got: Array, case: Case) -> None:
    """Raise unless the result has the bits that it had at first."""
    if got.tobytes() != case.expected:
        raise AssertionError(f"another result: {case.net!r} on {len(case.x)} rows")


# How often each is done: its share.
WORK: dict[Callable[[Case, random.Random], str | None], int] = {
    **{call: 400, call_by_rows: 100, wrong: 60, build: 20, file: 4},
    **{fork: 4, kill: 4, starve: 8},
}


def resident() -> int:
    """Return the memory that is in use, in KiB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Work for a while; say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=16)
    options = parser.parse_args(arguments)
    everything = cases(np.random.default_rng(0))
    done: Counter[str] = Counter()
    problems: list[str] = []
    lock, end = threading.Lock(), time.monotonic() + options.seconds
    signal.signal(signal.SIGALRM, lambda *_: done.update(["signal"]))

    def work(seed: int) -> None:
        chance = random.Random(seed)
        counts: Counter[str] = Counter()
        # Each once on the largest, whatever chance says: memory is then soon what it will be.
        first = [(task, everything[-1]) for task in WORK]
        while time.monotonic() < end and not problems:
            by_chance = chance.choices(list(WORK), list(WORK.values()))[0], chance.choice(everything)
            task, case = first.pop() if first else by_chance
            try:
                outcome = task(case, chance)
            except BaseException as error:
                problems.append(f"{task.__name__}: {error!r}")
                break
            counts.update([task.__name__, *([outcome] if outcome else [])])
        with lock:
            done.update(counts)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(options.threads)]
    # It shows where each thread is, and ends the process: even one whose interpreter lock is never let go.
    faulthandler.dump_traceback_later(options.seconds + THREAD_LIMIT, exit=True)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    for thread in threads:
        thread.start()
    memory = []
    while time.monotonic() < end and not problems:
        time.sleep(min(options.seconds / 20, 5))
        memory.append(resident())
    for thread in threads:
        thread.join()
    faulthandler.cancel_dump_traceback_later()
    signal.setitimer(signal.ITIMER_REAL, 0)
    settled = max(memory[: len(memory) // 2], default=0)
    if memory and memory[-1] > 1.1 * settled:
        problems.append(f"memory grew from {settled} to {memory[-1]} KiB")
    missing = [name for name in (*(task.__name__ for task in WORK), NO_MEMORY, "signal") if not done[name]]
    if missing and options.seconds >= COMPLETE:
        problems.append(f"never seen: {', '.join(missing)}")
    print(*(f"{count:>12,} {name}" for name, count in done.most_common()), sep="\n")
    print(
        f"{options.threads} threads for {options.seconds:.0f} s; {settled // 1024} MiB in the first half, "
        f"at most {max(memory, default=0) // 1024} in all; {len(problems)} problems",
        *problems,
        sep="\n",
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
