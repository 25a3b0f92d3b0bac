"""ONNX's own interface to what runs a model, so that its tests can be run: ``prepare(model).run(inputs)``.

These tests hand over as inputs what a file would hold: weights, axes, bounds. So one input is the data, the
first with which the graph is a chain, and the others are constants. Along which axes of the data examples lie
isn't said either: any choice that makes the graph a chain gives the same result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, defs, helper
from onnx.backend.base import Backend, BackendRep

from fastnn.formats.files import ModelFileError
from fastnn.formats.onnx.affine import Affine, Budget
from fastnn.formats.onnx.graph import Graph, graph_of
from fastnn.formats.onnx.operators import Value
from fastnn.formats.onnx.read import OPERATORS, evaluate, input_tensor, layers_of, needed, value_of
from fastnn.formats.onnx.tensors import ELEMENTS, Array


class FastnnBackend(Backend):
    """Runs models that are multi-layer perceptrons on fastnn's kernels."""

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **options: Any) -> bool:
        """Whether every operator of a model is one that fastnn reads."""
        known = {(domain or "ai.onnx", name) for domain, name in OPERATORS}
        return all((node.domain or "ai.onnx", node.op_type) in known for node in model.graph.node)

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **options: Any) -> Prepared:
        """Return what runs a model."""
        if not cls.supports_device(device):
            raise ValueError(f"device is {device!r}, expected 'CPU'")
        try:
            return Prepared(graph_of(model, None))
        except ValueError as error:
            raise ModelFileError(f"the ONNX model: {error}") from error

    @classmethod
    def run_node(
        cls, node: NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None, **options: Any
    ) -> tuple[Any, ...]:
        """Return the outputs of one node."""
        names = [name for name in node.input if name]
        arrays = [np.asarray(value) for value in inputs]
        given = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
        ]
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in node.output if name]
        version = options.get("opset_version", defs.onnx_opset_version())
        opsets = [helper.make_opsetid(node.domain, 1 if node.domain else version)]
        opsets += [helper.make_opsetid("", version)] if node.domain else []
        model = helper.make_model(helper.make_graph([node], "node", given, made), opset_imports=opsets)
        return cls.prepare(model, device).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether fastnn runs there: on CPUs, that is."""
        return device.partition(":")[0] == "CPU"


class Prepared(BackendRep):
    """A graph, ready for inputs."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def run(self, inputs: Sequence[Any] | Mapping[str, Any], **options: Any) -> tuple[Any, ...]:
        """Return the outputs for some inputs, in the graph's order or by name."""
        if not isinstance(inputs, Mapping):
            inputs = dict(zip(self._graph.inputs, inputs, strict=True))
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        failures = []
        for data, batch in self._choices(arrays):
            try:
                with np.errstate(all="ignore"):
                    return self._run(arrays, data, batch)
            except ValueError as error:
                failures.append(error)
        raise ModelFileError(f"the ONNX model: {failures[-1] if failures else 'no input of real numbers'}")

    def _choices(self, arrays: Mapping[str, Array]) -> Iterator[tuple[str | None, tuple[int, ...]]]:
        """Yield an input that may be the data, and axes along which examples may lie; more axes first."""
        if not arrays:
            yield None, ()
        for name, array in arrays.items():
            axes = range(array.ndim)
            features = [range(first, array.ndim) for first in reversed(range(1, array.ndim + 1))]
            features += [*(range(axis, axis + 1) for axis in axes[:-1]), axes]
            if self._graph.inputs[name].element in ELEMENTS:
                yield from ((name, tuple(axis for axis in axes if axis not in row)) for row in features)

    def _run(self, arrays: Mapping[str, Array], data: str | None, batch: tuple[int, ...]) -> tuple[Any, ...]:
        """Return the outputs, one input being the data with examples along some axes."""
        graph, budget = self._graph, Budget()
        values: dict[str, Value] = {name: constant(array) for name, array in arrays.items()}
        if data is not None:
            shape = [1 if axis in batch else size for axis, size in enumerate(arrays[data].shape)]
            values[data] = input_tensor(shape, batch, graph.inputs[data].element, budget)
        evaluate(graph, needed(graph, graph.outputs), values, budget)
        found = [value_of(name, graph, values, budget) for name in graph.outputs]
        if data is None:
            return tuple(found)
        if not any(isinstance(value, Affine) for value in found):
            raise ValueError(f"no output depends on {data!r}")
        return tuple(
            result_of(value, arrays[data], batch) if isinstance(value, Affine) else value for value in found
        )


def constant(array: Array) -> Array:
    """Return an input as a constant; bfloat16, which NumPy hasn't, as float32."""
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"an input of {array.dtype}, expected real numbers")
    return array


def result_of(tensor: Affine, x: Array, batch: tuple[int, ...]) -> Array:
    """Return an output of the graph for examples that lie along some axes of x."""
    examples = tuple(x.shape[axis] for axis in batch)
    count = int(np.prod(examples, dtype=np.int64))
    rows = np.moveaxis(x, batch, range(len(batch))).reshape(count, x.size // max(count, 1))
    result = constant(rows)
    for layer in layers_of(tensor):
        result = layer(result)
    features = [size for axis, size in enumerate(tensor.shape) if axis not in tensor.batch]
    result = np.moveaxis(result.reshape((*examples, *features)), range(len(batch)), tensor.batch)
    number = next(number for number, kind in ELEMENTS.items() if kind.name == tensor.element)
    return result.astype(helper.tensor_dtype_to_np_dtype(number))


# What ONNX's tests call of a module that is a backend.
is_compatible = FastnnBackend.is_compatible
prepare = FastnnBackend.prepare
run_model = FastnnBackend.run_model
run_node = FastnnBackend.run_node
supports_device = FastnnBackend.supports_device
