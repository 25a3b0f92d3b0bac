"""Run a policy in a control loop, one example at a time, and print the percentiles of a call's time."""

import argparse
import gc
import time
from itertools import pairwise

import numpy as np

import fastnn


def policy(n_sensors: int, n_motors: int) -> fastnn.Network:
    """Return a network with random weights; a trained one would come from a file."""
    rng = np.random.default_rng(0)
    widths = (n_sensors, 64, 64, n_motors)
    layers = [
        fastnn.Dense(rng.standard_normal((n, m)) / np.sqrt(m), np.zeros(n), "tanh")
        for m, n in pairwise(widths)
    ]
    return fastnn.Network(layers, dtype="float32")


def main() -> None:
    """Run the loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    steps = parser.parse_args().steps
    if steps < 1:
        parser.error(f"argument --steps: {steps} isn't 1 or more")

    net = policy(24, 4)
    state = np.zeros(24, np.float32)
    action = np.empty(4, np.float32)
    mixing = np.random.default_rng(1).standard_normal((4, 24)).astype(np.float32)
    nanoseconds = np.empty(steps, np.int64)
    gc.freeze()
    gc.disable()
    for step in range(steps):
        start = time.perf_counter_ns()
        net(state, out=action, threads=1)
        nanoseconds[step] = time.perf_counter_ns() - start
        state = 0.9 * state + action @ mixing  # the world's answer

    print(f"{net.n_inputs} sensors, {net.n_outputs} motors, {net.n_parameters:,} parameters, {steps:,} steps")
    for percent in (50, 90, 99, 99.9, 100):
        print(f"{percent:>6g} %  {np.percentile(nanoseconds, percent) / 1000:10.2f} us")


if __name__ == "__main__":
    main()
