"""ONNX's own tests of operators and of PyTorch's exports, through fastnn.formats.onnx_backend."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support import needs

onnx = needs("onnx")

from onnx.backend.test.loader import load_model_tests  # noqa: E402
from onnx.backend.test.runner import Runner  # noqa: E402

from fastnn import ModelFileError  # noqa: E402
from fastnn.formats import onnx_backend  # noqa: E402

# A case of tensors (not of lists, nor of what may be missing) is in scope where fastnn reads all operators, but
# for these: none of them passes.
OUT_OF_SCOPE = {
    r"(add|sub|mul|div)_u?int\d+": "integers, which wrap around and are cut off",
    r"clip_.*int8(?!_inbounds_expanded$)": "integers",
    r"cast(like)?_.*(FLOAT8|FLOAT4|INT4|INT2|STRING)": "strings, 8 bits and less",
    r"castlike_(?!.*_expanded$)": "read for the constants of composed activations only",
    r"training_(?!dropout_zero_ratio$)|_training_mode": "training",
    r"dropout_.*mask": "the mask, which is for training",
    r"test_(abs|erf|sqrt.*)$|operator_sqrt": "read as parts of composed activations only",
    r"test_(greater|where)_?(?!equal)": "read as parts of softplus with a threshold only",
    r"test_pow|operator_pow": "read as a part of GELU only",
    r"test_shape": "sizes of the data, read as shapes for Reshape only",
    r"Embedding": "the data are indices",
    r"concat": "two inputs, expected parts of one chain",
    r"test_prelu": "a slope for each feature, where leaky_relu has one",
    r"mish|operator_(non_float_)?params": "a product of two tensors that depend on the data",
}

# Those in scope that fail, and why.
FAILURES: dict[str, str] = {}

GOAL = 0.95


class Case(NamedTuple):
    """A model and what it makes of some inputs."""

    name: str
    model: Any
    sets: list[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float

    @property
    def in_scope(self) -> bool:
        return not any(re.search(pattern, self.name) for pattern in OUT_OF_SCOPE)

    def run(self) -> str:
        """Return what went wrong, or nothing."""
        try:
            prepared = onnx_backend.prepare(self.model)
            for inputs, expected in self.sets:
                Runner.assert_similar_outputs(expected, prepared.run(inputs), self.rtol, self.atol)
        except (ModelFileError, AssertionError) as error:
            return str(error).strip()
        return ""


def array(value: Any) -> Any:
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def tensors_in(folder: Path, kind: str) -> list[Any]:
    count = len(list(folder.glob(f"{kind}_*.pb")))
    return [onnx.numpy_helper.to_array(onnx.load_tensor(folder / f"{kind}_{i}.pb")) for i in range(count)]


def read_cases() -> Iterator[Case]:
    """Yield the cases of tensors whose operators fastnn reads, from memory or from files."""
    for kind in ("node", "simple", "pytorch-converted", "pytorch-operator"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overflow in the numbers that the cases are made of
            cases = load_model_tests(kind=kind)
        for found in cases:
            folder = Path(found.model_dir or "")
            model = onnx.load(folder / "model.onnx") if found.model is None else found.model
            tensors = all(value.type.HasField("tensor_type") for value in model.graph.input)
            if tensors and onnx_backend.is_compatible(model):
                sets = found.data_sets or [
                    (tensors_in(data, "input"), tensors_in(data, "output"))
                    for data in sorted(folder.glob("test_data_set_*"))
                ]
                arrays = [(list(map(array, given)), list(map(array, made))) for given, made in sets]
                yield Case(found.name, model, arrays, found.rtol, found.atol)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[Case, str]]:
    """What went wrong with each case, by name."""
    return {case.name: (case, case.run()) for case in read_cases()}


def test_nearly_all_in_scope_pass(
    outcomes: dict[str, tuple[Case, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    within = {name: problem for name, (case, problem) in outcomes.items() if case.in_scope}
    failed = {name: problem for name, problem in within.items() if problem}
    share = 1 - len(failed) / len(within)
    with capsys.disabled():
        print(f"\nONNX's tests: {len(within) - len(failed)} of {len(within)} in scope pass, {share:.1%}")
        for name, problem in failed.items():
            print(f"  {name}: {problem}")
    assert share >= GOAL
    assert failed.keys() == FAILURES.keys()


def test_nothing_that_passes_is_out_of_scope(outcomes: dict[str, tuple[Case, str]]) -> None:
    assert [name for name, (case, problem) in outcomes.items() if not case.in_scope and not problem] == []
    for pattern in OUT_OF_SCOPE:
        assert any(re.search(pattern, name) for name in outcomes), f"{pattern} matches no case"


def test_every_operator_is_tested(outcomes: dict[str, tuple[Case, str]]) -> None:
    passed = {
        node.op_type for case, problem in outcomes.values() if not problem for node in case.model.graph.node
    }
    assert passed >= {
        *("Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "BatchNormalization", "Dropout", "Identity", "Cast"),
        *("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Constant", "Relu", "Sigmoid", "Tanh"),
        *("Softmax", "LogSoftmax"),
    }


def test_onnx_runs_its_tests_itself() -> None:
    """The way that ONNX documents: its runner makes unittest cases for a backend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = onnx.backend.test.BackendTest(onnx_backend).include("test_gemm_all_attributes_cpu").test_cases
    case = cases["OnnxBackendNodeModelTest"]
    case("test_gemm_all_attributes_cpu").debug()
