"""ONNX's own cases of operators and of PyTorch's exports: what is in scope passes, and nothing else does."""

from __future__ import annotations

import re
import warnings

import pytest
from support import needs

onnx = needs("onnx")

from onnx_cases import OPERATORS, OUT_OF_SCOPE, Case, all_cases  # noqa: E402

from fastnn.formats import onnx_backend  # noqa: E402

# Cases in scope that fail, and why: none.
FAILURES: dict[str, str] = {}

GOAL = 0.95


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[Case, str]]:
    """The cases of operators that fastnn reads, and what went wrong with each."""
    return [(case, case.problem()) for case in all_cases() if case.read]


def test_nearly_all_in_scope_pass(outcomes: list[tuple[Case, str]]) -> None:
    within = [(case.name, problem) for case, problem in outcomes if not case.excluded]
    failed = {name: problem for name, problem in within if problem}
    assert failed.keys() == FAILURES.keys(), failed
    assert 1 - len(failed) / len(within) >= GOAL


def test_nothing_that_passes_is_out_of_scope(outcomes: list[tuple[Case, str]]) -> None:
    assert [case.name for case, problem in outcomes if case.excluded and not problem] == []
    for pattern in OUT_OF_SCOPE:
        assert any(re.search(pattern, case.name) for case, _ in outcomes), f"{pattern} matches no case"


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_is_tested(operator: str, outcomes: list[tuple[Case, str]]) -> None:
    """Not only as a part of what isn't in scope."""
    assert any(operator in case.operators and not case.excluded for case, problem in outcomes if not problem)


def test_onnx_runs_its_tests_itself() -> None:
    """The way that ONNX documents: its runner makes unittest cases for a backend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = onnx.backend.test.BackendTest(onnx_backend).include("test_gemm_all_attributes_cpu").test_cases
    case = cases["OnnxBackendNodeModelTest"]
    case("test_gemm_all_attributes_cpu").debug()
