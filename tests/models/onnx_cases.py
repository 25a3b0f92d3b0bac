"""ONNX's own cases of operators and of PyTorch's exports, through `fastnn.formats.onnx_backend`.

    .venv/bin/python tests/models/onnx_cases.py [--list]

It says how many are in scope and pass, and of all others why they aren't; ``--list`` adds their names.
"""

from __future__ import annotations

import argparse
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import onnx
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

from fastnn import ModelFileError
from fastnn.formats import onnx_backend

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")

# The operators of a multi-layer perceptron, each of which must have cases in scope.
OPERATORS = (
    *("Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "BatchNormalization", "Dropout", "Identity", "Cast"),
    *("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Constant", "Softmax", "LogSoftmax"),
    *("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Selu", "Gelu", "Softplus", "Softsign"),
    *("HardSigmoid", "HardSwish", "Clip"),
)

# Cases of operators that fastnn reads and yet isn't meant to run, by name: none of them passes.
OUT_OF_SCOPE = {
    r"(add|sub|mul|div)_u?int\d+": "integers, which wrap around and are cut off",
    r"clip_.*int8(?!_inbounds_expanded$)": "integers",
    r"cast(like)?_.*(FLOAT8|FLOAT4|INT4|INT2|STRING)": "strings, 8 bits and less",
    r"castlike_(?!.*_expanded$)": "CastLike, read for the constants of composed activations only",
    r"training_(?!dropout_zero_ratio$)|_training_mode": "training",
    r"dropout_.*mask": "Dropout's mask, which is for training",
    r"test_(abs|erf|sqrt.*)$|operator_sqrt": "Abs, Erf and Sqrt, read as parts of activations only",
    r"test_(greater|where)_?(?!equal)": "Greater and Where, read as parts of softplus with a threshold only",
    r"test_pow|operator_pow": "Pow, read as a part of GELU only",
    r"test_shape": "sizes of the data, read as shapes for Reshape only",
    r"Embedding": "data that are indices",
    r"concat": "two inputs, expected parts of one chain",
    r"test_prelu": "a slope for each feature, where leaky_relu has one",
    r"mish|operator_(non_float_)?params": "a product of two tensors that depend on the data",
}


class Case(NamedTuple):
    """A model, and what it makes of some inputs."""

    name: str
    model: Any
    found: Any

    @property
    def operators(self) -> set[str]:
        """The operators of its nodes."""
        return {node.op_type for node in self.model.graph.node}

    @property
    def read(self) -> bool:
        """Whether it is of tensors, and of operators that fastnn reads."""
        tensors = all(value.type.HasField("tensor_type") for value in self.model.graph.input)
        return tensors and onnx_backend.is_compatible(self.model)

    @property
    def excluded(self) -> str:
        """Why it isn't in scope, or nothing."""
        if not self.read:
            return "lists or optional values" if onnx_backend.is_compatible(self.model) else "other operators"
        return next((why for names, why in OUT_OF_SCOPE.items() if re.search(names, self.name)), "")

    def sets(self) -> Iterator[tuple[list[Any], list[Any]]]:
        """Yield inputs and what is expected of them, from memory or from files."""
        for given, expected in self.found.data_sets or ():
            yield [array(value) for value in given], [array(value) for value in expected]
        if self.found.data_sets is None:
            for folder in sorted(Path(self.found.model_dir).glob("test_data_set_*")):
                yield arrays_in(folder, "input"), arrays_in(folder, "output")

    def problem(self) -> str:
        """Return what goes wrong when it is run, or nothing."""
        try:
            prepared = onnx_backend.prepare(self.model)
            for given, expected in self.sets():
                outputs = prepared.run(given)
                Runner.assert_similar_outputs(expected, outputs, self.found.rtol, self.found.atol)
        except (ModelFileError, AssertionError) as error:
            return str(error).strip()
        return ""


def array(value: Any) -> Any:
    """Return a tensor of a case as an array."""
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def arrays_in(folder: Path, kind: str) -> list[Any]:
    """Return the inputs or outputs that lie in a folder."""
    count = len(list(folder.glob(f"{kind}_*.pb")))
    return [array(onnx.load_tensor(folder / f"{kind}_{i}.pb")) for i in range(count)]


def all_cases() -> Iterator[Case]:
    """Yield every case that the onnx package brings along."""
    for kind in KINDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overflow in the numbers that the cases are made of
            cases = load_model_tests(kind=kind)
        for found in cases:
            model = onnx.load(Path(found.model_dir) / "model.onnx") if found.model is None else found.model
            yield Case(found.name, model, found)


def counted(names: Iterable[str]) -> str:
    """Return names with how often each comes, the most frequent first."""
    return ", ".join(f"{name} {count}" for name, count in Counter(names).most_common())


def main() -> None:
    """Run all cases, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="add the names of the cases out of scope")
    options = parser.parse_args()
    cases = list(all_cases())
    excluded = defaultdict(list)
    for case in cases:
        excluded[case.excluded].append(case)
    within = excluded.pop("")
    failed = {case.name: problem for case in within if (problem := case.problem())}
    passed = len(within) - len(failed)
    print(f"onnx {onnx.__version__} has {len(cases)} cases of the kinds {', '.join(KINDS)}")
    print(f"in scope: {len(within)}; passed: {passed}, {passed / len(within):.1%}")
    for name, problem in failed.items():
        print(f"  {name}: {problem}")
    print("their operators: " + counted(name for case in within for name in case.operators))
    print(f"out of scope: {len(cases) - len(within)}")
    for why, others in sorted(excluded.items(), key=lambda entry: -len(entry[1])):
        print(f"  {len(others):4} {why}")
        if options.list:
            print("       " + " ".join(case.name for case in others))
    read = {name for _, name in onnx_backend.OPERATORS}
    foreign = (name for case in excluded["other operators"] for name in case.operators - read)
    print("other operators, with the cases that have them: " + counted(foreign))


if __name__ == "__main__":
    main()
