"""The peers that fastnn is compared with, each on the fast path that its makers recommend.

What counts is a call on an input that lies ready in the form that the peer likes best, until the output is
complete, in whatever form the peer leaves it. What doesn't: compiling, packing weights, making that input,
and turning the output into a NumPy array. fastnn gets a NumPy array, whatever it is, and returns a new one.
One example is (n,) where the peer takes that, else (1, n).

All get the weights as they prefer them, transposed and contiguous or as in torch.nn.Linear, and the same
number of threads: by their own settings where they have some, else by those of `timing.processors`. A peer is
imported when it is first used: its threads then start on the processors that the process is kept on.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastnn.bench import timing

if TYPE_CHECKING:
    from benchmarks import reference
else:
    import reference

Array = reference.Array
Layers = reference.Layers


class Prepared(NamedTuple):
    """A network and an input, ready to be run."""

    call: timing.Call
    array: Callable[[Any], Any] = np.asarray  # turns what a call returned into an array


class Peer(NamedTuple):
    """One row of the table."""

    modules: tuple[str, ...]  # all have to be installed; the first has the version
    prepare: Callable[[Layers, Array, int], Prepared]  # takes an input, (n,) or (B, n), and how many threads
    settings: Callable[[int], AbstractContextManager[object]] = nullcontext  # what it runs within
    dtypes: tuple[str, ...] = ("float32", "float64")

    def installed(self) -> bool:
        """Whether it could be imported."""
        return installed(self.modules)

    def version(self) -> str:
        """Return the version; this imports the peer."""
        return version(self.modules[0])


def installed(modules: Sequence[str]) -> bool:
    """Whether all could be imported."""
    return all(find_spec(module) for module in modules)


def version(module: str) -> str:
    """Return a module's version, without what a build adds; this imports it."""
    return re.split("[-+]", import_module(module).__version__)[0]


def prepare_fastnn(layers: Layers, x: Array, threads: int) -> Prepared:
    return Prepared(reference.fastnn_call(layers, x))


def prepare_numpy(layers: Layers, x: Array, threads: int) -> Prepared:
    return Prepared(reference.numpy_call(layers, x))


@contextlib.contextmanager
def torch_settings(threads: int) -> Iterator[None]:
    torch = import_module("torch")
    torch.set_num_threads(threads)
    with torch.inference_mode():  # entered once: in each call it would cost 1.5 µs
        yield


def prepare_torch(layers: Layers, x: Array, threads: int) -> Prepared:
    # A function costs 2.5 µs less than its module. torch.jit (frozen) was tried and is slower. So is
    # torch.compile (freezing), down to half the speed on small batches, but for 10 % that it gains on large
    # ones of tanh, where others take less than half its time.
    torch = import_module("torch")
    linear = torch.nn.functional.linear
    activations = {
        "identity": lambda z: z,
        "relu": torch.relu_,
        "tanh": torch.tanh_,
        "sigmoid": torch.sigmoid_,
        "softmax": partial(torch.softmax, dim=-1),
    }
    steps = [(torch.tensor(weight), torch.tensor(bias), activations[name]) for weight, bias, name in layers]

    def forward(a: Any) -> Any:
        for weight, bias, activate in steps:
            a = activate(linear(a, weight, bias))
        return a

    return Prepared(partial(forward, torch.tensor(x)))


def onnx_model(layers: Layers, batch: int) -> bytes:
    """Return the network for a fixed batch, as an ONNX file; MatMul and Add instead of Gemm are no faster."""
    onnx = import_module("onnx")
    helper, from_array = onnx.helper, onnx.numpy_helper.from_array
    weight, _, _ = layers[0]
    element = helper.np_dtype_to_tensor_dtype(weight.dtype)
    nodes, parameters, a = [], [], "x"
    for i, (weight, bias, name) in enumerate(layers):
        parameters += [from_array(weight, f"weight{i}"), from_array(bias, f"bias{i}")]
        nodes.append(helper.make_node("Gemm", [a, f"weight{i}", f"bias{i}"], [f"z{i}"], transB=1))
        a = "y" if i == len(layers) - 1 else f"a{i}"
        nodes.append(helper.make_node(name.capitalize(), [f"z{i}"], [a]))
    x, y = (
        helper.make_tensor_value_info(name, element, [batch, n])
        for name, n in (("x", layers[0][0].shape[1]), ("y", weight.shape[0]))
    )
    graph = helper.make_graph(nodes, "network", [x], [y], parameters)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def prepare_onnxruntime(layers: Layers, x: Array, threads: int) -> Prepared:
    ort = import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    examples = np.atleast_2d(x)
    batch, n_outputs = len(examples), len(layers[-1][1])
    model = onnx_model(layers, batch)
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # Bound to the session, input and output save 3 µs a call against session.run.
    output = ort.OrtValue.ortvalue_from_shape_and_type((batch, n_outputs), x.dtype.type)
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(examples))
    binding.bind_ortvalue_output("y", output)
    return Prepared(partial(session.run_with_iobinding, binding), lambda _: output.numpy())


def prepare_openvino(layers: Layers, x: Array, threads: int) -> Prepared:
    openvino = import_module("openvino")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16, where the processor has it
    }
    core = openvino.Core()
    examples = np.atleast_2d(x)
    model = core.compile_model(core.read_model(onnx_model(layers, len(examples))), "CPU", settings)
    request = model.create_infer_request()
    request.set_input_tensor(openvino.Tensor(examples, shared_memory=True))
    return Prepared(partial(request.infer, share_outputs=True), lambda outputs: outputs[0])


@contextlib.contextmanager
def jax_settings(threads: int) -> Iterator[None]:
    with import_module("jax").enable_x64(True):  # else float64 quietly becomes float32
        yield


def prepare_jax(layers: Layers, x: Array, threads: int) -> Prepared:
    jax = import_module("jax")
    activations = {
        "identity": lambda z: z,
        "relu": jax.nn.relu,
        "tanh": jax.numpy.tanh,
        "sigmoid": jax.nn.sigmoid,
        "softmax": jax.nn.softmax,
    }
    # As constants of the compiled function the weights cost 1 to 3 µs a call less than as its arguments.
    steps = [
        (jax.device_put(np.ascontiguousarray(weight.T)), jax.device_put(bias), activations[name])
        for weight, bias, name in layers
    ]

    def forward(a: Any) -> Any:
        for weight, bias, activate in steps:
            a = activate(a @ weight + bias)
        return a

    compiled, examples = jax.jit(forward), jax.device_put(x)
    return Prepared(lambda: compiled(examples).block_until_ready())


def sklearn_settings(threads: int) -> AbstractContextManager[object]:
    context: AbstractContextManager[object] = import_module("sklearn").config_context(assume_finite=True)
    return context


def prepare_sklearn(layers: Layers, x: Array, threads: int) -> Prepared:
    # What fit would set is set by hand. A regressor stands for the classifiers too: its predict returns what
    # their predict_proba would, without a detour. The hidden layers can only have one activation.
    names = {"sigmoid": "logistic"}
    *hidden, last = (names.get(name, name) for *_, name in layers)
    (activation,) = set(hidden)
    model = import_module("sklearn.neural_network").MLPRegressor(activation=activation)
    model.coefs_ = [np.ascontiguousarray(weight.T) for weight, _, _ in layers]
    model.intercepts_ = [bias for _, bias, _ in layers]
    model.out_activation_ = last
    model.n_layers_ = len(layers) + 1
    model.n_features_in_ = x.shape[-1]
    examples = np.atleast_2d(x)
    return Prepared(partial(model.predict, examples), lambda y: y.reshape(len(examples), -1))


FASTNN = Peer(("fastnn",), prepare_fastnn)
PEERS = {
    "numpy": Peer(("numpy",), prepare_numpy),
    "torch": Peer(("torch",), prepare_torch, torch_settings),
    "onnxruntime": Peer(("onnxruntime", "onnx"), prepare_onnxruntime),
    # OpenVINO computes float64 networks in float32.
    "openvino": Peer(("openvino", "onnx"), prepare_openvino, dtypes=("float32",)),
    "jax": Peer(("jax",), prepare_jax, jax_settings),
    "sklearn": Peer(("sklearn",), prepare_sklearn, sklearn_settings),
}
