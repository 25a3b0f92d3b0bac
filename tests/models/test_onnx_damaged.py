"""ONNX files that are damaged or mean harm: what is wrong is said, and little is spent on it."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_peers import W, helper, model_of, node, normal, onnx, perceptron, refused
from support import output_of

import fastnn
from fastnn import ModelFileError

FLOAT = onnx.TensorProto.FLOAT


def tensor(**fields: Any) -> Any:
    """Return a tensor w that says of itself what the fields say."""
    return onnx.TensorProto(name="w", **{"data_type": FLOAT, **fields})


class TestDamaged:
    def test_truncated_anywhere(self, path: Path) -> None:
        model = perceptron()
        del model.opset_import[1]  # which isn't used, so that a file that ends before it would be sound
        data = model.SerializeToString()
        for length in range(len(data)):
            path.write_bytes(data[:length])
            with pytest.raises(ModelFileError) as caught:
                fastnn.from_onnx(path)
            assert str(path) in str(caught.value)

    def test_no_file_or_a_folder(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"net\.onnx"):
            fastnn.from_onnx(path)
        with pytest.raises(OSError, match=path.parent.name):
            fastnn.from_onnx(path.parent)

    def test_too_long(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fastnn.formats.onnx.graph.MAX_BYTES", 100)
        path.write_bytes(perceptron().SerializeToString())
        with pytest.raises(ModelFileError, match="an ONNX file has 100 at most"):
            fastnn.from_onnx(path)

    @pytest.mark.parametrize(
        ("weight", "complaint"),
        [
            (
                tensor(dims=(4, 3), raw_data=bytes(47)),
                "initializer 'w' has 47 bytes of data, expected 12 numb",
            ),
            (tensor(dims=(4, 3)), "0 numbers in float_data, expected 12"),
            (tensor(dims=(4, 3), float_data=[0.0] * 13), "13 numbers in float_data, expected 12"),
            (tensor(dims=(4, 3), double_data=[0.0] * 12), "0 numbers in float_data"),
            (tensor(dims=(-4, -3), float_data=[0.0] * 12), "negative size"),
            (tensor(dims=(2**32, 2**32), raw_data=b""), "expected 18446744073709551616 numbers"),
            (tensor(dims=(2**62, 4), raw_data=b""), "expected 18446744073709551616 numbers"),
            (tensor(dims=(0, 2**62), raw_data=b""), "a product of shapes|too big|array"),
            (tensor(dims=(1,) * 17, raw_data=bytes(4)), "17 axes, expected 16 at most"),
            (tensor(dims=(4, 3), data_type=0), "element type undefined, expected real numbers"),
            (tensor(dims=(4, 3), data_type=77), "element type number 77, expected real numbers"),
            (tensor(dims=(4, 3), data_type=8, string_data=[b"1"] * 12), "element type string"),
            (tensor(dims=(4, 3), data_type=14, float_data=[0.0] * 24), "element type complex64"),
            (tensor(dims=(4, 1), data_type=3, int32_data=[1, 2, 3, 200]), "that don't fit in int8"),
            (
                tensor(dims=(4, 1), data_type=10, int32_data=[1, 2, 3, 70000]),
                "that don't fit in 16 bits",
            ),
            (
                tensor(dims=(4, 3), raw_data=bytes(48), segment=onnx.TensorProto.Segment(begin=0, end=1)),
                "a segment of a tensor",
            ),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_tensors(self, weight: Any, complaint: str) -> None:
        refused(model_of([node("MatMul", "x w", "y")], {"w": weight}), complaint)

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"opset": 5}, "it has opset 5, expected 6 to"),
            ({"opset": 10**6}, "it has opset 1000000, expected 6 to"),
            ({"opset": -1}, "it has opset -1, expected 6 to"),
        ],
    )
    def test_opsets(self, changes: Any, complaint: str) -> None:
        refused(model_of([node("MatMul", "x w", "y")], {"w": W}, **changes), complaint)

    def test_two_opsets_or_none(self) -> None:
        model = perceptron()
        model.opset_import.add(domain="ai.onnx", version=12)
        refused(model, "it asks for opset 21 and 12 of ''")
        del model.opset_import[:]
        refused(model, r"node 'the_z1' \(Gemm\) is of opset 'ai.onnx', which the model doesn't ask for")

    @pytest.mark.parametrize(
        ("nodes", "complaint"),
        [
            ([node("Loop", "x", "y")], r"node 'the_y' \(Loop\): an operator that has no place"),
            (
                [node("Scaler2", "x", "y", domain="ai.onnx.ml")],
                "an operator of 'ai.onnx.ml' that has no",
            ),
            (
                [node("Relu", "x", "y"), node("Tanh", "x", "y")],
                r"node 'the_y' \(Tanh\) makes 'y', but that",
            ),
            ([node("Relu", "x", "x"), node("Tanh", "x", "y")], "makes 'x', but that name is taken"),
            ([node("Relu", "x", "w"), node("Tanh", "w", "y")], "makes 'w', but that name is taken"),
            ([node("Tanh", "a", "y"), node("Relu", "y", "a")], "value 'a', which nothing before it makes"),
            ([node("Tanh", "y", "y")], "value 'y', which nothing before it makes"),
            ([node("Tanh", "missing", "y")], r"node 'the_y' \(Tanh\): value 'missing', which nothing before"),
            ([node("Tanh", "a", "y"), node("Relu", "x", "a")], "value 'a', which nothing before it makes"),
            ([], "value 'y', which nothing before it makes"),
            ([node("Gemm", "x w", "y", alpha=float("nan"), transA=2**40)], "a product of shapes"),
        ],
    )
    def test_graphs(self, nodes: list[Any], complaint: str) -> None:
        refused(model_of(nodes, {"w": W}), complaint)

    def test_names(self) -> None:
        twice = perceptron()
        twice.graph.initializer.append(twice.graph.initializer[0])
        refused(twice, "it has initializer 'w1' twice")
        twice = perceptron()
        twice.graph.input.append(twice.graph.input[0])
        refused(twice, "it has input 'x' twice")
        twice = perceptron()
        twice.graph.node[0].attribute.append(twice.graph.node[0].attribute[0])
        refused(twice, r"it has attribute of node 'the_z1' \(Gemm\) 'transB' twice")
        data = perceptron().SerializeToString().replace(b"the_z1", b"\xff\xfe\xfd_z1")
        refused(onnx.ModelProto.FromString(data), "a name that isn't UTF-8")

    def test_attributes_that_point_elsewhere(self) -> None:
        model = perceptron()
        model.graph.node[0].attribute[0].ref_attr_name = "alpha"
        refused(model, r"node 'the_z1' \(Gemm\): attribute 'transB' of another type, expected i")

    def test_what_isnt_needed_may_be_anything(self) -> None:
        model = perceptron()
        model.graph.initializer.append(
            tensor(dims=(2**60,), raw_data=b"").__class__(name="huge", dims=[2**60])
        )
        model.graph.node.append(helper.make_node("Loop", ["nothing"], ["never"]))
        assert fastnn.from_onnx(model) == fastnn.from_onnx(perceptron())


def long_chain(operator: str, count: int) -> Any:
    """Return nodes that each read the one before; the first reads x, the last makes y."""
    names = ["x", *(f"h{i}" for i in range(1, count)), "y"]
    inputs = "{0} {0}" if operator == "Add" else "{0}"
    return [node(operator, inputs.format(before), after) for before, after in pairwise(names)]


HOSTILE = {
    "a wide input": model_of([node("Relu", "x", "y")], {}, ("N", 2**40)),
    "a wide input made wider": model_of([node("Relu", "x", "y")], {}, ("N", 100_000)),
    "many axes of many features": model_of([node("Sigmoid", "x", "y")], {}, ("N", *[1000] * 6)),
    "broadcast": model_of([node("Add", "x c", "y")], {"c": normal(1, 2000, 1), "w": W}, ("N", 1, 2000)),
    "constants broadcast": model_of(
        [node("Add", "r c", "m"), node("MatMul", "x m", "y")],
        {"r": normal(1, 60_000), "c": normal(60_000, 1)},
    ),
    "doubled by Concat": model_of(
        [
            *(node("Concat", f"h{i} h{i}" if i else "x x", f"h{i + 1}", axis=1) for i in range(60)),
            node("Identity", "h60", "y"),
        ],
        {},
    ),
    "constants doubled by Concat": model_of(
        [
            *(node("Concat", f"h{i} h{i}" if i else "w w", f"h{i + 1}", axis=1) for i in range(60)),
            node("MatMul", "x h60", "y"),
        ],
        {"w": W},
    ),
    "grown by Gather": model_of(
        [
            *(node("Gather", f"h{i} picks" if i else "x picks", f"h{i + 1}", axis=-1) for i in range(10)),
            node("Flatten", "h10", "y"),
        ],
        {"picks": np.zeros((4, 4, 4), np.int64)},
    ),
    "many nodes": model_of(long_chain("Relu", 20_000), {}, ("N", 500)),
    "many sums": model_of(long_chain("Add", 20_000), {}, ("N", 500)),
    "products of products": model_of(
        [node("MatMul", f"h{i} w" if i else "x w", f"h{i + 1}") for i in range(5000)]
        + [node("Identity", "h5000", "y")],
        {"w": normal(30, 30)},
        ("N", 30),
    ),
}


# Constants that are kept, each as large as the file's own.
HOSTILE.update(
    (
        f"constants through {operator}",
        model_of(
            [node(operator, f"c{i}", f"c{i + 1}", **attributes) for i in range(4000)]
            + [node("Add", "x c4000", "y")],
            {"c0": np.zeros(25000, np.float32)},
            ("N", 1),
        ),
    )
    for operator, attributes in (("Cast", {"to": 11}), ("Neg", {}), ("Sqrt", {}))
)


@pytest.mark.parametrize("name", HOSTILE)
def test_little_is_spent_on_what_asks_for_much(name: str, path: Path) -> None:
    path.write_bytes(HOSTILE[name].SerializeToString())
    began = time.process_time()
    with pytest.raises(ModelFileError, match="more numbers than a model with so few parameters needs"):
        fastnn.from_onnx(path)
    assert time.process_time() - began < 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux counts in KiB")
def test_memory(tmp_path: Path) -> None:
    """All of the above in a process of its own, which grows by less than 100 MB."""
    for name, model in HOSTILE.items():
        (tmp_path / f"{name}.onnx").write_bytes(model.SerializeToString())
    code = """
import resource, sys
from pathlib import Path
import fastnn, fastnn.formats.onnx.read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in Path(sys.argv[1]).iterdir():
    try:
        fastnn.from_onnx(path)
    except fastnn.ModelFileError:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    assert float(output_of(code, str(tmp_path))) < 100
