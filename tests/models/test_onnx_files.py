"""ONNX files: written and read again, data outside of them, and files that are damaged or mean harm."""

from __future__ import annotations

import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_peers import B, W, X, helper, model_of, node, normal, onnx, perceptron, refused, run
from support import every_dtype, output_of, same_bits

import fastnn
from fastnn import Dense, ModelFileError, Network
from fastnn.activations import NAMES
from fastnn.cli import main

FLOAT = onnx.TensorProto.FLOAT

# What ONNX Runtime has no kernel for; hard_swish is hard_sigmoid to it, and gelu is Erf.
LACKING_IN_FLOAT64 = (
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "hard_swish",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def network(names: list[str], dtype: Any = np.float32, width: int = 5) -> Network:
    """Return a network with a layer for each activation."""
    layers = []
    for i, name in enumerate(names):
        weight, bias = normal(width, width, dtype=dtype), normal(width, dtype=dtype)
        layers.append(Dense(weight + dtype(i), None if i % 3 == 2 else bias, name))
    return Network(layers)


PARAMETERS = ["leaky_relu(0.2)", "clip(-1.5, 0.1)", "hard_sigmoid(0.25, 0.5)", "elu(0.7)"]


class TestWriting:
    @every_dtype
    @pytest.mark.parametrize("name", [*NAMES, *PARAMETERS])
    def test_every_activation_comes_back(self, path: Path, name: str, dtype: np.dtype[Any]) -> None:
        net = network([name, name], dtype.type)
        net.to_onnx(path)
        again = fastnn.from_onnx(path)
        assert again == net
        assert fastnn.open_model(path) == net
        for a, b in zip(again.layers, net.layers, strict=True):
            assert same_bits(a.weight, b.weight)
            assert (a.bias is None) == (b.bias is None)

    def test_all_in_one(self, path: Path) -> None:
        net = network([*NAMES, *PARAMETERS, "identity", "identity"])
        net.to_onnx(path)
        assert fastnn.from_onnx(path) == net

    @pytest.mark.parametrize("name", [*NAMES, *PARAMETERS])
    def test_onnx_runtime_agrees(self, path: Path, name: str) -> None:
        net = Network([Dense(2 * W.T, B, name), Dense(normal(2, 3))])
        net.to_onnx(path)
        np.testing.assert_allclose(run(path, X), net(X), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("name", NAMES)
    def test_onnx_runtime_agrees_in_float64(self, path: Path, name: str) -> None:
        net = Network([Dense(2 * W.T.astype(np.float64), B, name)])
        net.to_onnx(path)
        if name in LACKING_IN_FLOAT64:
            with pytest.raises(Exception, match="Could not find an implementation"):
                run(path, X)
        else:
            # In gelu_tanh, ONNX Runtime's constants are float32.
            limit = 2e-8 if name == "gelu_tanh" else 1e-14
            np.testing.assert_allclose(run(path, X), net(X), rtol=1e-12, atol=limit)

    @pytest.mark.parametrize("widths", [(1, 1), (3, 0), (0, 4), (784, 128, 10)], ids=str)
    def test_any_width(self, path: Path, widths: tuple[int, ...]) -> None:
        net = Network([Dense(normal(after, before)) for before, after in pairwise(widths)])
        net.to_onnx(path)
        assert fastnn.from_onnx(path) == net

    def test_odd_numbers(self, path: Path) -> None:
        net = Network([Dense([[np.nan, -0.0], [np.inf, 5e-324]]), Dense([[1.0, -np.inf]], [-0.0])])
        net.to_onnx(path)
        again = fastnn.from_onnx(str(path))
        for a, b in zip(again.layers, net.layers, strict=True):
            assert same_bits(a.weight, b.weight)
        assert same_bits(again.layers[1].bias, net.layers[1].bias)

    def test_what_onnx_thinks_of_it(self, path: Path) -> None:
        network([*NAMES]).to_onnx(path)
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
        assert (model.ir_version, model.producer_name) == (9, "fastnn")
        (given,), (made,) = model.graph.input, model.graph.output
        assert (given.name, made.name) == ("x", "y")
        assert [entry.type.tensor_type.shape.dim[0].dim_param for entry in (given, made)] == ["N", "N"]

    def test_same_bytes_every_time(self, path: Path) -> None:
        network([*NAMES]).to_onnx(path)
        first = path.read_bytes()
        network([*NAMES]).to_onnx(path)
        assert path.read_bytes() == first

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_the_old_file_stays(self, path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: Any) -> None:
            raise OSError(28, "No space left on device")

        network(["relu"]).to_onnx(path)
        before = path.read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, step, fail)
            with pytest.raises(OSError, match="No space left"):
                network(["tanh"]).to_onnx(path)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_more_than_a_file_can_hold(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fastnn.formats.onnx_write.MAX_BYTES", 100)
        with pytest.raises(ValueError, match="parameters have 120 bytes, but an ONNX file has 100 at most"):
            network(["relu"]).to_onnx(path)
        assert not path.exists()

    @pytest.mark.parametrize(
        ("name", "dtype"), [("clip(0, 1e300)", "float32"), ("leaky_relu(1e300)", "float64")]
    )
    def test_parameters_that_onnx_cannot_hold(self, path: Path, name: str, dtype: str) -> None:
        net = Network([Dense([[1.0]], activation=name)], dtype)
        with pytest.raises(
            ValueError, match=r"layers\[0\] has activation .*1e\+300\), beyond ONNX's float32"
        ):
            net.to_onnx(path)
        assert not path.exists()

    def test_from_the_shell(self, path: Path) -> None:
        net = network(["relu", "softmax"])
        native, again = path.with_suffix(".safetensors"), path.with_name("again.safetensors")
        net.save(native)
        assert main(["convert", str(native), str(path)]) == 0
        assert main(["convert", str(path), str(again)]) == 0
        assert fastnn.load(again) == net

    def test_no_onnx(self, path: Path) -> None:
        code = """
import sys
sys.modules["onnx"] = None
import fastnn
net = fastnn.Network([fastnn.Dense([[1.0]])])
for deed in (lambda: net.to_onnx(sys.argv[1]), lambda: fastnn.from_onnx(sys.argv[1])):
    try:
        deed()
    except ImportError as error:
        print(error)
"""
        lines = output_of(code, str(path)).splitlines()
        assert lines == [
            "Writing an ONNX model needs onnx: pip install onnx",
            "Reading an ONNX model needs onnx: pip install onnx",
        ]
        assert not path.exists()


def outside(location: Any = "weights.bin", offset: Any = None, length: Any = None) -> Any:
    """Return a model whose weight, W, is described as lying in another file."""
    tensor = onnx.TensorProto(name="w", dims=W.shape, data_type=FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    return model_of([node("MatMul", "x w", "y")], {"w": tensor})


class TestExternalData:
    @pytest.fixture(autouse=True)
    def data(self, path: Path) -> None:
        (path.parent / "weights.bin").write_bytes(b"1234" + W.tobytes())
        (path.parent / "plain.bin").write_bytes(W.tobytes())

    def read(self, path: Path, model: Any) -> Network:
        path.write_bytes(model.SerializeToString())
        return fastnn.from_onnx(path, external_data=True)

    def fails(self, path: Path, model: Any, complaint: str) -> None:
        with pytest.raises(ModelFileError, match=complaint) as caught:
            self.read(path, model)
        assert str(path) in str(caught.value)

    @pytest.mark.parametrize(
        "where", [("weights.bin", "4", "48"), ("weights.bin", "4", None), ("plain.bin", None, None)], ids=str
    )
    def test_read_when_asked_for(self, path: Path, where: Any) -> None:
        net = self.read(path, outside(*where))
        assert same_bits(net.layers[0].weight, W.T)

    def test_as_onnx_writes_it(self, path: Path) -> None:
        model = perceptron()
        expected = fastnn.from_onnx(model)
        onnx.save_model(model, path, save_as_external_data=True, location="all.bin", size_threshold=0)
        assert fastnn.from_onnx(path, external_data=True) == expected
        with pytest.raises(ModelFileError, match="is read with external_data=True only"):
            fastnn.from_onnx(path)

    def test_in_a_folder_below(self, path: Path) -> None:
        (path.parent / "deeper").mkdir()
        (path.parent / "plain.bin").rename(path.parent / "deeper" / "plain.bin")
        assert self.read(path, outside("deeper/plain.bin")).n_outputs == 3

    def test_refused_unless_asked_for(self, path: Path) -> None:
        path.write_bytes(outside("plain.bin").SerializeToString())
        with pytest.raises(ModelFileError, match="initializer 'w' has its data in another file"):
            fastnn.from_onnx(path)
        refused(outside("plain.bin"), "its data in another file")
        refused(perceptron(), "external data belongs to a file", external_data=True)

    @pytest.mark.parametrize(
        ("where", "complaint"),
        [
            (("",), "expected a file in the model's folder"),
            ((None,), "expected a file in the model's folder"),
            (("/etc/passwd",), "external data in '/etc/passwd', expected a file in the model's folder"),
            (("../plain.bin",), "expected a file in the model's folder"),
            (("deeper/../../plain.bin",), "expected a file in the model's folder"),
            (("..\\plain.bin",), "expected a file in the model's folder"),
            (("C:plain.bin",), "expected a file in the model's folder"),
            (("C:\\plain.bin",), "expected a file in the model's folder"),
            (("\\\\server\\share\\plain.bin",), "expected a file in the model's folder"),
            ((".",), "expected a file in the model's folder"),
            (("plain.bin\0",), "expected a file in the model's folder"),
            (("missing.bin",), "external data in 'missing.bin', which can't be read"),
            (("x" * 300,), "which can't be read"),
            (("plain.bin", "-4"), "external data with offset '-4', expected a whole number"),
            (("plain.bin", "4.0"), "offset '4.0', expected a whole number"),
            (("plain.bin", "\u0664"), "expected a whole number"),
            (("plain.bin", "9" * 30), "expected a whole number"),
            (("plain.bin", "0", "nan"), "length 'nan', expected a whole number"),
            (("plain.bin", "0", "40"), "40 bytes of external data, expected 48"),
            (("plain.bin", "4", "48"), "external data up to byte 52 of a file of 48"),
            (("plain.bin", "9223372036854775807"), "of a file of 48"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_refused(self, path: Path, where: Any, complaint: str) -> None:
        self.fails(path, outside(*where), complaint)

    @pytest.mark.skipif(sys.platform == "win32", reason="symbolic links want rights there")
    def test_no_link_leads_out(self, path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "secret.bin").write_bytes(W.tobytes())
        (path.parent / "file").symlink_to(elsewhere / "secret.bin")
        (path.parent / "folder").symlink_to(elsewhere)
        (path.parent / "inside").symlink_to("plain.bin")
        (path.parent / "loop").symlink_to("loop")
        self.fails(path, outside("file"), "expected a file in the model's folder")
        self.fails(path, outside("folder/secret.bin"), "expected a file in the model's folder")
        self.fails(path, outside("loop"), "which can't be read")
        assert self.read(path, outside("inside")).n_outputs == 3

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
    def test_no_pipe_is_waited_for(self, path: Path) -> None:
        os.mkfifo(path.parent / "pipe")
        self.fails(path, outside("pipe"), "expected a file in the model's folder")


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
        monkeypatch.setattr("fastnn.formats.onnx_graph.MAX_BYTES", 100)
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
import fastnn, fastnn.formats.onnx_read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in Path(sys.argv[1]).iterdir():
    try:
        fastnn.from_onnx(path)
    except fastnn.ModelFileError:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    assert float(output_of(code, str(tmp_path))) < 100
