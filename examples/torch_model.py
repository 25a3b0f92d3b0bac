"""Train a small network with PyTorch, move it over, and compare: outputs, and the time of one example."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

import fastnn


def train(x: torch.Tensor, labels: torch.Tensor) -> nn.Sequential:
    """Return a trained classifier of two spirals."""
    model = nn.Sequential(
        nn.Linear(2, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return model.eval()


def spirals(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points of two spirals, and which one each is of."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    radius = rng.uniform(0.2, 2.0, n)
    angle = 3.0 * radius + np.pi * labels
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return (points + 0.03 * rng.standard_normal((n, 2))).astype(np.float32), labels


def microseconds(call: Callable[[], object], times: int = 2000) -> float:
    """Return how long a call takes."""
    call()
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times * 1e6


if __name__ == "__main__":
    points, labels = spirals(2000)
    x = torch.from_numpy(points)
    model = train(x, torch.from_numpy(labels))
    net = fastnn.from_torch(model)  # the batch normalisation is now part of the first layer
    print(net.summary(), end="\n\n")
    with torch.inference_mode():
        difference = np.abs(net(points) - model(x).numpy()).max()
        torch_time = microseconds(lambda: model(x[:1]))
    accuracy = np.mean(net(points).argmax(axis=1) == labels)
    print(f"{accuracy:.1%} right; the outputs differ by at most {difference:.1e}")
    print(f"one example: PyTorch {torch_time:.1f} us, fastnn {microseconds(lambda: net(points[0])):.1f} us")
