"""Random chains of operators, against ONNX Runtime: what is folded into layers does what the graph did."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from onnx_peers import agree, model_of, node

CHAINS = 300


class Chain:
    """A graph that grows by one operator at a time; `shape` is that of an example."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.numbers = np.random.default_rng(rng.randrange(2**32))
        self.shape = [rng.randint(1, 4) for _ in range(rng.choice([1, 1, 2, 3]))]
        self.given = list(self.shape)
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.value = "x"

    def constant(self, value: Any) -> str:
        """Add an initializer, and return its name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def normal(self, *shape: int) -> str:
        """Add an initializer of normal deviates."""
        return self.constant(self.numbers.standard_normal(shape).astype(np.float32))

    def add(self, operator: str, inputs: str, shape: list[int] | None = None, **attributes: Any) -> None:
        """Add a node; in `inputs`, h is the value so far."""
        result = f"v{len(self.nodes)}"
        names = " ".join(self.value if name == "h" else name for name in inputs.split())
        self.nodes.append(node(operator, names, result, **attributes))
        self.value = result
        self.shape = self.shape if shape is None else shape

    def grow(self) -> None:
        """Add some operator."""
        steps = [self.product, self.scale, self.scale, self.move, self.move, self.activate, self.meet]
        self.rng.choice(steps)()

    def product(self) -> None:
        """Multiply by a constant matrix, from the right or, within an example, from the left."""
        *lead, width = self.shape
        outputs = self.rng.randint(1, 5)
        if not lead and self.rng.random() < 0.5:
            transposed = self.rng.random() < 0.5
            weight = self.normal(outputs, width) if transposed else self.normal(width, outputs)
            inputs = f"h {weight} {self.normal(outputs)}"
            alpha, beta = self.rng.choice([(1.0, 1.0), (0.5, -2.0)])
            self.add("Gemm", inputs, [outputs], transB=int(transposed), alpha=alpha, beta=beta)
        elif len(lead) == 1 and self.rng.random() < 0.5:
            self.add("MatMul", f"{self.normal(outputs, lead[0])} h", [outputs, width])
        else:
            self.add("MatMul", f"h {self.normal(width, outputs)}", [*lead, outputs])

    def scale(self) -> None:
        """Add or multiply by a constant, or normalise."""
        shape = [self.rng.choice([1, size]) for size in self.shape][self.rng.randint(0, len(self.shape)) :]
        constant = self.constant(self.numbers.uniform(0.5, 2.0, shape).astype(np.float32))
        operator = self.rng.choice(["Add", "Sub", "Mul", "Div", "BatchNormalization"])
        if operator == "BatchNormalization":
            parts = " ".join(
                self.constant(self.numbers.uniform(0.5, 2.0, self.shape[0]).astype(np.float32))
                for _ in range(4)
            )
            self.add(operator, f"h {parts}")
        elif operator != "Div" and self.rng.random() < 0.5:
            self.add(operator, f"{constant} h")
        else:
            self.add(operator, f"h {constant}")

    def move(self) -> None:
        """Move the elements of each example."""
        count = int(np.prod(self.shape))
        axis = self.rng.randrange(len(self.shape))
        deed = self.rng.choice(["Flatten", "Reshape", "Transpose", "Unsqueeze", "Gather", "Slice"])
        if deed == "Flatten":
            self.add(deed, "h", [count])
        elif deed == "Reshape":
            divisor = self.rng.choice([d for d in range(1, count + 1) if count % d == 0])
            shape = [divisor, count // divisor]
            self.add(deed, f"h {self.constant(np.array([self.rng.choice([0, -1]), *shape]))}", shape)
        elif deed == "Transpose":
            order = self.rng.sample(range(len(self.shape)), len(self.shape))
            shape = [self.shape[axis] for axis in order]
            self.add(deed, "h", shape, perm=[0, *(axis + 1 for axis in order)])
        elif deed == "Unsqueeze" and len(self.shape) < 4:
            shape = [*self.shape[:axis], 1, *self.shape[axis:]]
            self.add(deed, f"h {self.constant(np.array([axis + 1]))}", shape)
        elif deed == "Gather":
            picks = [self.rng.randrange(self.shape[axis]) for _ in range(self.rng.randint(1, 4))]
            shape = [*self.shape[:axis], len(picks), *self.shape[axis + 1 :]]
            self.add(deed, f"h {self.constant(np.array(picks))}", shape, axis=axis + 1)
        elif deed == "Slice" and self.shape[axis] > 1:
            shape = [*self.shape[:axis], self.shape[axis] - 1, *self.shape[axis + 1 :]]
            bounds = [np.array([1]), np.array([99]), np.array([axis + 1])]
            self.add(deed, "h " + " ".join(map(self.constant, bounds)), shape)

    def activate(self) -> None:
        """Apply an activation."""
        if len(self.shape) == 1 and self.rng.random() < 0.2:
            self.add(self.rng.choice(["Softmax", "LogSoftmax"]), "h", axis=1)
        else:
            self.add(
                self.rng.choice(
                    [
                        "Relu",
                        "Tanh",
                        "Sigmoid",
                        "LeakyRelu",
                        "HardSigmoid",
                        "Elu",
                        "Selu",
                        "Softplus",
                        "Softsign",
                    ]
                ),
                "h",
            )

    def meet(self) -> None:
        """Let the value meet a multiple of itself."""
        before = self.value
        self.add("Mul", f"h {self.normal()}")
        if self.rng.random() < 0.5:
            self.add("Sub", f"{before} h")
        else:
            axis = self.rng.randrange(len(self.shape))
            shape = [*self.shape[:axis], 2 * self.shape[axis], *self.shape[axis + 1 :]]
            self.add("Concat", f"{before} h", shape, axis=axis + 1)


@pytest.mark.parametrize("seed", range(10))
def test_random_chains(seed: int) -> None:
    for case in range(CHAINS // 10):
        rng = random.Random(f"{seed} {case}")
        chain = Chain(rng)
        for _ in range(rng.randint(1, 10)):
            chain.grow()
        chain.add("Identity", "h")
        chain.nodes[-1].output[0] = "y"
        model = model_of(chain.nodes, chain.constants, ["N", *chain.given])
        x = chain.numbers.standard_normal((7, *chain.given)).astype(np.float32)
        try:
            agree(model, x, limit=2e-4)
        except Exception as error:
            error.add_note(f"case {case} of seed {seed}: {[one.op_type for one in chain.nodes]}")
            raise
