"""Train the digits network that fastnn brings along, and write it beside the held-out images.

Usage: python tools/train_digits.py

The tensors are named as torch.nn.Sequential(Linear, ReLU, Linear, Softmax) names them. Every random
choice is seeded and BLAS keeps to one thread, so that a second run on the same machine writes the
same bytes.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

DATA = Path(__file__).resolve().parent.parent / "src" / "fastnn" / "data"
LAYERS = [{"activation": "relu"}, {"activation": "softmax"}]
LARGEST_PIXEL = 16.0
SEED = 0
WANTED_ACCURACY = 0.97

Array = NDArray[Any]


def train(images: Array, labels: Array) -> MLPClassifier:
    """Fit a 64-32-10 network with ReLU and softmax to images scaled to [0, 1]."""
    classifier = MLPClassifier(
        hidden_layer_sizes=(32,), activation="relu", alpha=1e-3, max_iter=1000, random_state=SEED
    )
    with threadpool_limits(limits=1):
        return classifier.fit(images / LARGEST_PIXEL, labels)


def parameters(classifier: MLPClassifier) -> dict[str, Array]:
    """Return the weights as float32 (out, in), with the scaling of the images in the first."""
    (weight0, weight2), (bias0, bias2) = classifier.coefs_, classifier.intercepts_
    tensors = {
        "0.weight": weight0.T / LARGEST_PIXEL,
        "0.bias": bias0,
        "2.weight": weight2.T,
        "2.bias": bias2,
    }
    return {name: np.ascontiguousarray(t, dtype=np.float32) for name, t in tensors.items()}


def serialise(tensors: dict[str, Array]) -> bytes:
    """Return a safetensors file with a sorted header; safetensors itself shuffles the metadata."""
    fastnn = json.dumps({"schema": 1, "layers": LAYERS})
    content = save(tensors, metadata={"format": "pt", "fastnn": fastnn})
    (size,) = struct.unpack_from("<Q", content)
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":"))
    padded = header.encode() + b" " * (-len(header) % 8)
    return struct.pack("<Q", len(padded)) + padded + content[8 + size :]


def accuracy(tensors: dict[str, Array], images: Array, labels: Array) -> float:
    """Return the share of images whose largest score, in float32, is that of their label."""
    x = images.astype(np.float32)
    hidden = np.maximum(x @ tensors["0.weight"].T + tensors["0.bias"], 0.0)
    scores = hidden @ tensors["2.weight"].T + tensors["2.bias"]
    return float(np.mean(scores.argmax(axis=1) == labels))


def main() -> int:
    """Train, measure, and write the files if the network is good enough."""
    images, labels = load_digits(return_X_y=True)
    train_images, images, train_labels, labels = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=SEED
    )
    classifier = train(train_images, train_labels)
    content = serialise(parameters(classifier))

    trained = classifier.score(images / LARGEST_PIXEL, labels)
    written = accuracy(load(content), images, labels)
    print(f"held-out accuracy on {len(labels)} images")
    print(f"  as trained, float64: {trained:.4f}")
    print(f"  as written, float32: {written:.4f}")
    if min(trained, written) < WANTED_ACCURACY:
        print(f"wanted {WANTED_ACCURACY} or better: nothing written", file=sys.stderr)
        return 1

    (DATA / "digits.safetensors").write_bytes(content)
    np.savez_compressed(DATA / "digits.npz", images=images.astype(np.uint8), labels=labels.astype(np.uint8))
    return 0


if __name__ == "__main__":
    sys.exit(main())
