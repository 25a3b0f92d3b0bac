"""``fastnn demo``: a network by hand, then a trained one on real input, timed side by side."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Any

import numpy as np

import fastnn
from fastnn import reference
from fastnn.arguments import CommandError

Array = np.ndarray[Any, Any]

# Worked example 4: 2 -> 3 (ReLU) -> 2 (softmax).
HIDDEN = ([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "relu")
OUTPUT = ([[0.6, -0.4, 0.2], [-0.1, 0.3, 0.5]], [0.0, 0.1], "softmax")
EXAMPLE = [1.5, -0.5]

# NumPy's BLAS reads these when it is loaded. On input this small its threads only get in each other's way.
ONE_THREAD = dict.fromkeys(
    (
        "FASTNN_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)

TURN_SECONDS = 0.01
TURNS = 15
SHADES = " .:-=+*#%@"


def run() -> None:
    """Print both parts, the second from a process whose libraries all have one thread."""
    worked_example()
    print(flush=True)
    command = [sys.executable, "-c", "from fastnn import demo; demo.digits()"]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    if done.returncode:
        raise CommandError(f"the process of the digits ended with {done.returncode}: {done.stderr}")


def worked_example() -> None:
    """Print every Z and A of a small network for one example."""
    net = fastnn.Network([fastnn.Dense(*HIDDEN), fastnn.Dense(*OUTPUT)])
    print("A network by hand: 2 inputs, 3 hidden neurons (ReLU), 2 outputs (softmax)\n")
    print(net.summary(), end="\n\n")
    print(net.trace(EXAMPLE))
    loss = fastnn.cross_entropy(net(EXAMPLE), 0)
    print(f"loss = {loss:.5f}    cross-entropy, if class 0 is correct")


def load_digits() -> tuple[fastnn.Network, Array, Array]:
    """Return a network that reads handwritten digits, and images that it hasn't seen.

    Returns
    -------
    net : Network
        64-32-10, trained.
    images : ndarray of float32, shape (n, 64)
        Each 8 rows of 8 pixels, from 0 to 16.
    labels : ndarray of int, shape (n,)
        What they show, from 0 to 9.

    Examples
    --------
    >>> from fastnn.demo import load_digits
    >>> net, images, labels = load_digits()
    >>> int(net(images[0]).argmax()), int(labels[0])
    (2, 2)
    """
    data = files("fastnn") / "data"
    with as_file(data / "digits.safetensors") as path:
        net = fastnn.load(path)
    with (data / "digits.npz").open("rb") as file, np.load(file) as arrays:
        return net, arrays["images"].astype(np.float32), arrays["labels"]


def digits() -> None:
    """Classify the held-out digits with fastnn, NumPy and pure Python; print accuracy and speed."""
    net, images, labels = load_digits()
    layers = [
        reference.Layer(layer.weight.tolist(), plain(layer.bias), layer.activation) for layer in net.layers
    ]
    rows = images.tolist()
    contenders: dict[str, Callable[[], Any]] = {
        "fastnn": lambda: net(images),
        "NumPy": lambda: numpy_network(net, images),
        "pure Python": lambda: reference.network_batch(layers, rows),
    }
    classes = np.argmax(net(images), axis=1)
    print(f"Handwritten digits: a trained 64-32-10 network and {len(labels)} images it has never seen\n")
    captions = [f"{answer} (is {label})" for answer, label in zip(classes[:4], labels[:4], strict=True)]
    print(drawn(images[:4], captions), end="\n\n")
    print(f"{'':<12}{'accuracy':>9}{'examples/s':>14}")
    best = best_seconds(list(contenders.values()))
    for (name, predict), seconds in zip(contenders.items(), best, strict=True):
        accuracy = float(np.mean(np.argmax(predict(), axis=1) == labels))
        note = "" if name == "fastnn" else f"   fastnn is {seconds / best[0]:,.1f} times as fast"
        print(f"{name:<12}{accuracy:>9.1%}{len(labels) / seconds:>14,.0f}{note}")
    print(f"\nOne thread each, fastnn with {fastnn.isa()}; `fastnn info` says more.")


def plain(bias: Array | None) -> list[float]:
    """Return a bias as a list."""
    return [] if bias is None else [float(value) for value in bias]


def numpy_network(net: fastnn.Network, x: Array) -> Array:
    """Return what the digits network gives, as one would write it in NumPy."""
    first, second = net.layers
    hidden = np.maximum(x @ first.weight.T + first.bias, 0)
    z = hidden @ second.weight.T + second.bias
    e = np.exp(z - z.max(axis=1, keepdims=True))
    probabilities: Array = e / e.sum(axis=1, keepdims=True)
    return probabilities


def best_seconds(calls: list[Callable[[], Any]]) -> list[float]:
    """Return the shortest time of each call. They take turns, so that a busy machine disturbs all alike."""
    counts = [calls_in(call, TURN_SECONDS) for call in calls]
    best = [math.inf] * len(calls)
    for _ in range(TURNS):
        for i, (call, count) in enumerate(zip(calls, counts, strict=True)):
            start = time.perf_counter()
            for _ in range(count):
                call()
            best[i] = min(best[i], (time.perf_counter() - start) / count)
    return best


def calls_in(call: Callable[[], Any], seconds: float) -> int:
    """Return how many calls take about that long, once warm."""
    call()
    start = time.perf_counter()
    call()
    return max(1, int(seconds / (time.perf_counter() - start)))


def drawn(images: Array, captions: list[str]) -> str:
    """Return 8 x 8 images side by side as text, captions below."""
    shades = (images.reshape(-1, 8, 8) * (len(SHADES) - 1) / 16).round().astype(int)
    lines = ["   ".join("".join(SHADES[s] * 2 for s in image[row]) for image in shades) for row in range(8)]
    below = "   ".join(f"{caption:^16}" for caption in captions)
    return "\n".join(f"  {line}".rstrip() for line in [*lines, below])
