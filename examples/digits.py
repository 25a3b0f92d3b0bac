"""Classify handwritten digits with the network that comes with fastnn, and show some that it gets wrong."""

import numpy as np

import fastnn
from fastnn.demo import load_digits


def main() -> None:
    """Print the accuracy, the confusions and one mistake."""
    net, images, labels = load_digits()
    print(net.summary(), end="\n\n")

    probabilities = net(images)  # (n, 64) -> (n, 10)
    answers = probabilities.argmax(axis=1)
    loss = fastnn.cross_entropy(probabilities, labels)
    print(f"{len(labels)} images it has never seen: {np.mean(answers == labels):.1%} right, loss {loss:.4f}")

    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, answers), 1)
    print("\nrows: what it is, columns: what the network says")
    print("   " + "".join(f"{k:4}" for k in range(10)))
    for k, row in enumerate(confusion):
        print(f"{k:3}" + "".join(f"{n:4}" if n else "   ." for n in row))

    wrong = np.flatnonzero(answers != labels)
    if len(wrong):
        worst = wrong[probabilities[wrong, answers[wrong]].argmax()]
        print(f"\nThe surest mistake: a {labels[worst]}, taken for a {answers[worst]}")
        print(f"with a probability of {probabilities[worst, answers[worst]]:.2f}\n")
        for row in images[worst].reshape(8, 8):
            print("".join(" .:-=+*#%"[int(value / 2)] * 2 for value in row))


if __name__ == "__main__":
    main()
