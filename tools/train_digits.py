"""Train the digits network that fastnn brings along, and write it beside the held-out images.

Usage: python tools/train_digits.py

Every random choice is seeded and BLAS keeps to one thread, so that a second run on the same machine writes
the same bytes.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from groups import group
from numpy.typing import NDArray

import fastnn

with group("bench"):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

DATA = Path(__file__).resolve().parent.parent / "src" / "fastnn" / "data"
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


def network(classifier: MLPClassifier) -> fastnn.Network:
    """Return the trained network in float32, with the scaling of the images in its first layer."""
    (weight1, weight2), (bias1, bias2) = classifier.coefs_, classifier.intercepts_
    hidden = fastnn.Dense(weight1.T / LARGEST_PIXEL, bias1, "relu")
    return fastnn.Network([hidden, fastnn.Dense(weight2.T, bias2, "softmax")], dtype=np.float32)


def main() -> int:
    """Train, measure, and write the files if the network is good enough."""
    images, labels = load_digits(return_X_y=True)
    train_images, images, train_labels, labels = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=SEED
    )
    classifier = train(train_images, train_labels)
    net = network(classifier)

    trained = classifier.score(images / LARGEST_PIXEL, labels)
    written = float(np.mean(net(images).argmax(axis=1) == labels))
    print(f"held-out accuracy on {len(labels)} images")
    print(f"  as trained, float64: {trained:.4f}")
    print(f"  as written, float32: {written:.4f}")
    if min(trained, written) < WANTED_ACCURACY:
        print(f"wanted {WANTED_ACCURACY} or better: nothing written", file=sys.stderr)
        return 1

    net.save(DATA / "digits.safetensors")
    np.savez_compressed(DATA / "digits.npz", images=images.astype(np.uint8), labels=labels.astype(np.uint8))
    return 0


if __name__ == "__main__":
    sys.exit(main())
