"""ONNX files to fuzz whose weight is computed: chains of operators on constants, whose shapes may lie."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx_models import model_of, node

# How many operators make the weight.
DEPTHS = [1, 2, 3, 5, 10, 30, 100, 1000]
DEEPEST = 30_000  # of one in a hundred
MAX_NUMBERS = 50_000  # in the constants of a file
MAX_AXES = 64  # of an array
SHAPES = [
    (4, 3),
    (4, 1),
    (1, 3),
    (3,),
    (1,),
    (),
    (12,),
    (2, 6),
    (1, 4, 3),
    (4, 3, 1, 1),
    (0,),
    (4, 0),
    (1000, 30),
]
SIZES = [0, 1, 2, 3, 4, -1, 12, 1000, 2**31 - 1, 2**40, 2**62, 2**63 - 1, -(2**63)]
TYPES = [1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13, 16, 8, 14, 0, 99]
PLAIN_TYPES = [1, 11, 10, 7]  # float32, float64, float16, int64


class Chain:
    """Nodes and constants, grown from the weight of a layer.

    Parameters
    ----------
    rng : random.Random
    lies : float
        How likely what could be otherwise is. Without lies the weight can be read.
    """

    def __init__(self, rng: random.Random, lies: float) -> None:
        self.rng = rng
        self.lies = lies
        self.shape: tuple[int, ...] = rng.choice(SHAPES) if lies else (4, 3)  # if nothing has lied
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}
        self.room = MAX_NUMBERS
        self.last = self.floats(self.shape)

    def lie(self) -> bool:
        """Whether to lie this time."""
        return self.rng.random() < self.lies

    def floats(self, shape: tuple[int, ...]) -> str:
        """Return a constant of floats, of which a file has a limited number."""
        if math.prod(shape) > self.room or len(shape) > MAX_AXES:
            shape = (1, 1)
        kind = self.rng.choice([np.float32, np.float64, np.float16])
        return self.constant(np.linspace(-1, 1, math.prod(shape)).astype(kind).reshape(shape))

    def integers(self, *numbers: int) -> str:
        """Return a constant of integers."""
        return self.constant(np.array(numbers, np.int64))

    def constant(self, value: Any) -> str:
        """Return the name of a new constant."""
        name = f"k{len(self.tensors)}"
        self.tensors[name] = value
        self.room -= value.size
        return name

    def size(self, true: int) -> int:
        """Return a size or an axis, or another."""
        return self.rng.choice(SIZES) if self.lie() else true

    def add(self, operator: str, *others: str, **attributes: Any) -> None:
        """Add an operator on what the last one made."""
        inputs = [self.last, *others]
        if self.lie():
            self.rng.shuffle(inputs)
        self.last = f"c{len(self.nodes)}"
        self.nodes.append(node(operator, " ".join(inputs), self.last, **attributes))


def transpose(chain: Chain) -> None:
    order = list(range(len(chain.shape)))
    if order:
        chain.rng.shuffle(order)
        chain.shape = tuple(chain.shape[axis] for axis in order)
        chain.add("Transpose", perm=[chain.size(axis) for axis in order])


def reshape(chain: Chain) -> None:
    count = math.prod(chain.shape)
    shapes = [shape for shape in SHAPES if math.prod(shape) == count] or [(min(count, 2**62),)]
    chain.shape = chain.rng.choice(shapes)
    chain.add("Reshape", chain.integers(*map(chain.size, chain.shape)))


def unsqueeze(chain: Chain) -> None:
    if len(chain.shape) < 8 or chain.lie():
        axis = chain.rng.randint(0, len(chain.shape))
        chain.shape = (*chain.shape[:axis], 1, *chain.shape[axis:])
        chain.add("Unsqueeze", chain.integers(chain.size(axis)))


def squeeze(chain: Chain) -> None:
    axes = [axis for axis, size in enumerate(chain.shape) if size == 1]
    if axes:
        axis = chain.rng.choice(axes)
        chain.shape = (*chain.shape[:axis], *chain.shape[axis + 1 :])
        chain.add("Squeeze", chain.integers(chain.size(axis)))


def cast(chain: Chain) -> None:
    chain.add("Cast", to=chain.rng.choice(TYPES if chain.lie() else PLAIN_TYPES))


def arithmetic(chain: Chain) -> None:
    shape = chain.rng.choice(SHAPES if chain.lie() else [(), (1,), chain.shape])
    other = chain.last if chain.rng.random() < 0.3 else chain.floats(shape)
    chain.add(chain.rng.choice(["Add", "Sub", "Mul", "Div", "Sum"]), other)


def alone(chain: Chain) -> None:
    chain.add(chain.rng.choice(["Neg", "Sqrt", "Identity"]))


def gather(chain: Chain) -> None:
    if chain.shape and 0 < chain.shape[0] <= min(1000, chain.room):
        chain.add("Gather", chain.integers(*map(chain.size, range(chain.shape[0]))), axis=0)


def slice_of(chain: Chain) -> None:
    if chain.shape:
        chain.add("Slice", *(chain.integers(chain.size(end)) for end in (0, 2**40, 0)))


# Those that make more numbers than they get.


def outer_product(chain: Chain) -> None:
    chain.add("Reshape", chain.integers(-1, 1))
    column = chain.last
    chain.add("Transpose", perm=[1, 0])
    chain.add(chain.rng.choice(["Add", "Mul"]), column)
    chain.shape = (min(math.prod(chain.shape), 2**31),) * 2


def repeat(chain: Chain) -> None:
    count = chain.rng.choice([1, 40, 10_000])
    if chain.shape and count < chain.room:
        chain.add("Gather", chain.integers(*[chain.size(0)] * count), axis=0)
        chain.shape = (count, *chain.shape[1:])


def concat(chain: Chain) -> None:
    if chain.shape:
        count = chain.rng.choice([1, 2, 100])
        chain.add("Concat", *[chain.last] * (count - 1), axis=chain.size(0))
        chain.shape = (count * chain.shape[0], *chain.shape[1:])


STEPS: list[Callable[[Chain], None]] = [transpose, reshape, unsqueeze, squeeze, cast, arithmetic, alone]
STEPS += [gather, slice_of]
GROWING: list[Callable[[Chain], None]] = [outer_product, repeat, concat]


def weight(rng: random.Random) -> bytes:
    """Return a model of one layer whose weight is computed, soundly or not."""
    lies = rng.choice([0, 0, 1e-4, 0.02, 0.2])
    chain = Chain(rng, lies)
    steps = [*STEPS, *(GROWING if lies and rng.random() < 0.5 else [])]
    if rng.random() < 0.5:
        steps = rng.sample(steps, rng.choice([1, 2, 3]))
    depth = rng.choice(DEPTHS) if rng.random() < 0.99 else DEEPEST
    while len(chain.nodes) < depth:
        if rng.random() < 0.1:
            alone(chain)  # the other steps may all do nothing
        rng.choice(steps)(chain)
    chain.add("Cast", to=1)
    if not lies:
        chain.add("Reshape", chain.integers(4, 3))
    model = model_of([*chain.nodes, node("MatMul", f"x {chain.last}", "y")], chain.tensors)
    for _ in range(rng.choice([0, 0, 1, 3]) if lies else 0):
        change(rng, rng.choice(model.graph.initializer))
    data: bytes = model.SerializeToString()
    return data


def change(rng: random.Random, tensor: Any) -> None:
    """Change what a tensor says of itself."""
    deed = rng.randrange(4)
    if deed == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(SIZES)
    elif deed == 1:
        tensor.dims.extend([rng.choice(SIZES)] * rng.choice([1, 2, 40]))
    elif deed == 2:
        tensor.data_type = rng.choice(TYPES)
    else:
        tensor.raw_data = rng.randbytes(rng.choice([0, 1, 48, 10_000]))
