"""Keras 3: live models, and the configuration that a ``.keras`` file holds too, as dense layers; and back.

Both are read alike: the configuration says which layers there are, a `Source` gives their variables.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn.extras import need
from fastnn.formats import trial
from fastnn.formats.chain import Chain
from fastnn.formats.files import parse_json, shown, visible
from fastnn.formats.keras_config import Part, Source, member, parts
from fastnn.formats.peers import activation_of, is_number, peer_of
from fastnn.layers import Dense

Array = np.ndarray[Any, Any]

# On trial, of the largest output; and of the difference between the layers in their dtype and in float64.
TOLERANCE = 1e-2  # graphics processors multiply with 11 bits
HALF_TOLERANCE = 0.1  # where anything is computed in float16 or bfloat16
ROUNDINGS = 100

SMALLEST_DEVIATION = 1e-7  # keras.config.epsilon() when nobody has changed it


class Live:
    """The variables of a model in memory."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self.find = find

    def child(self, name: str, kind: str, nth: int) -> Live:
        """Return a layer of the model."""
        return Live(lambda: self.find().get_layer(name))

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Return the names of a Sequential's layers, its input first, and one that is used again as often."""
        used = [layer.name for layer in self.find().layers]
        return [name for name in names if name not in used] + used

    def arrays(self, count: int) -> list[Array]:
        """Return the layer's variables."""
        found: list[Array] = self.find().get_weights()
        if len(found) != count:
            unbuilt = "" if found else ": a model must be built"
            raise ValueError(f"it has {len(found)} variables, expected {count}{unbuilt}")
        return found


def is_model(model: object) -> bool:
    """Whether something is a Keras model; Keras isn't imported to find out."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Model)


def read_model(model: Any) -> list[Dense]:
    """Return the dense layers of a live model."""
    text = model.to_json()
    layers = read_config(parse_json(text, "the model's configuration"), Live(lambda: model))
    check_functions(model)
    compare(model, layers, HALF_TOLERANCE if "float16" in text else TOLERANCE)
    return layers


def check_functions(model: Any) -> None:
    """Raise if an activation is called like one of Keras's and isn't: the configuration has its name only."""
    for layer in model.layers:
        function = getattr(layer, "activation", None)
        if function is not None and not str(function.__module__).startswith("keras."):
            kind = type(layer).__name__
            raise ValueError(
                f"{kind} {layer.name!r}: its activation is {function.__name__} of {function.__module__}"
            )
        if hasattr(layer, "layers"):
            check_functions(layer)


def compare(model: Any, layers: Sequence[Dense], tolerance: float) -> None:
    """Raise unless the layers do what the model does: something in it may have been replaced."""
    if not hasattr(model, "inputs"):
        return  # only its layers are built, and a call would build it
    keras = need("keras", "Reading a model")
    x = trial.rows(layers)
    (given,) = model.inputs
    if "float" not in given.dtype:
        x = np.abs(np.round(4 * x))
    narrow, exact = (
        trial.outputs([layer.astype(dtype) for layer in layers], x) for dtype in (x.dtype, "float64")
    )
    structure = getattr(model, "input", given)  # perhaps a list of one
    called_with = keras.tree.map_structure(lambda _: x.reshape(-1, *given.shape[1:]), structure)
    (output,) = keras.tree.flatten(model(called_with, training=False))
    found = keras.ops.convert_to_numpy(output)
    with np.errstate(invalid="ignore"):
        limit = tolerance * trial.largest(exact) + ROUNDINGS * np.abs(narrow - exact)
    if not trial.same(found.astype(np.float64), narrow, limit):
        raise ValueError(
            "the model does something else than its layers, one after the other: other numbers come out"
        )


def read_config(config: Any, source: Source) -> list[Dense]:
    """Return the dense layers of a model's configuration."""
    chain = Chain()
    shape: list[int] | None = None  # of an example
    for part in parts(config, source):
        try:
            if part.kind == "InputLayer":
                shape = shape or input_shape(part.config)
            elif part.kind == "Flatten" and shape and part.config.get("data_format") == "channels_last":
                shape = [math.prod(shape)]
            elif part.kind not in DOES_NOTHING:
                if shape and len(shape) > 1:
                    raise ValueError(f"examples have shape {tuple(shape)}, expected rows of features")
                add(chain, part)
            if shape and len(shape) == 1 and chain.width is None:
                chain.width = shape[0]
        except ValueError as error:
            raise ValueError(f"{visible(part.kind)} {shown(part.name)}: {error}") from error
    return chain.layers()


def input_shape(config: Mapping[str, Any]) -> list[int]:
    """Return the shape of an example."""
    shape = config.get("batch_shape")
    lengths = shape[1:] if isinstance(shape, list) else []
    if not lengths or not all(type(n) is int and n >= 0 for n in lengths):
        raise ValueError(f"its shape is {shown(shape)}, expected a batch of rows of known length")
    return lengths


def write(layers: Sequence[Dense]) -> Any:
    """Return layers as a ``keras.Sequential`` of as many Dense."""
    keras = need("keras", "Network.to_keras")
    parts: list[Any] = [keras.Input((layers[0].n_inputs,), dtype=str(layers[0].dtype))]
    for layer in layers:
        activation = activation_for(keras, layer.activation)
        settings = {"use_bias": layer.bias is not None, "dtype": str(layer.dtype)}
        parts.append(keras.layers.Dense(layer.n_outputs, activation, **settings))
    model = keras.Sequential(parts)
    for layer, part in zip(layers, parts[1:], strict=True):
        part.set_weights([layer.weight.T] if layer.bias is None else [layer.weight.T, layer.bias])
    return model


def activation_for(keras: Any, name: str) -> Any:
    """Return what a Dense of Keras's takes as its activation: a function's name, or a layer."""
    function, layer = peer_of("keras", name), peer_of("keras_layers", name)
    if function is not None:
        return function[0]
    if layer is not None:
        return getattr(keras.layers, layer[0])(**layer[1])
    raise ValueError(f"Keras has no {name}")


# What each kind of layer does to the chain.


def add(chain: Chain, part: Part) -> None:
    """Add what a layer does at inference."""
    activation = activation_of("keras_layers", part.kind, part.config)
    if activation is not None:
        chain.activate(activation)
    elif part.kind in LAYERS:
        LAYERS[part.kind](chain, part)
    else:
        raise ValueError("fastnn has no equal of it")


def add_dense(chain: Chain, part: Part) -> None:
    """Add a Dense, whose kernel is (n_inputs, n_outputs)."""
    kernel, *bias = variables(part, 1 + wants(part, "use_bias"))
    chain.linear(kernel.T, *bias)
    add_activation(chain, part)


def add_activation(chain: Chain, part: Part) -> None:
    """Add the activation of a Dense or Activation, which is given by name or as a layer."""
    found = part.config.get("activation")
    if isinstance(found, dict) and member(found, "module") == "keras.layers":
        name = activation_of("keras_layers", member(found, "class_name"), member(found, "config"))
    else:
        name = activation_of("keras", "linear" if found is None else found)
    if name is None:
        raise ValueError(f"its activation is {shown(found)}, of which fastnn has no equal")
    chain.activate(name)


def add_batch_normalization(chain: Chain, part: Part) -> None:
    """Add a BatchNormalization by its moving mean and variance."""
    last_axis(part)
    has_scale, has_center = wants(part, "scale"), wants(part, "center")
    arrays = [np.asarray(a, np.float64) for a in variables(part, 2 + has_scale + has_center)]
    mean, variance = arrays[-2:]
    with np.errstate(all="ignore"):
        factor = 1 / np.sqrt(variance + number(part, "epsilon"))
        if has_scale:
            factor = arrays[0] * factor
        shift = -mean * factor
        if has_center:
            shift = shift + arrays[has_scale]
    chain.scale(factor, shift)


def add_normalization(chain: Chain, part: Part) -> None:
    """Add a Normalization by the mean and variance that it was given or has learnt."""
    last_axis(part)
    if part.config.get("mean") is not None:
        mean, variance = numbers(part, "mean"), numbers(part, "variance")
    else:
        mean, variance, _ = (np.asarray(a, np.float64) for a in part.source.arrays(3))
    with np.errstate(all="ignore"):
        deviation = np.maximum(np.sqrt(variance), SMALLEST_DEVIATION)
        if wants(part, "invert"):
            chain.scale(deviation, mean)
        else:
            chain.scale(1 / deviation, -mean / deviation)


def add_rescaling(chain: Chain, part: Part) -> None:
    """Add a Rescaling."""
    chain.scale(numbers(part, "scale"), numbers(part, "offset"))


LAYERS = {
    "Dense": add_dense,
    "Activation": add_activation,
    "BatchNormalization": add_batch_normalization,
    "Normalization": add_normalization,
    "Rescaling": add_rescaling,
}
DOES_NOTHING = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
)


def variables(part: Part, count: int) -> list[Array]:
    """Return a layer's variables: floating-point numbers, bfloat16 as float32."""
    found = []
    for array in part.source.arrays(count):
        if array.dtype.name == "bfloat16":
            array = array.astype(np.float32)
        if array.dtype.kind != "f":
            raise ValueError(f"a variable has dtype {array.dtype}, expected floating-point numbers")
        found.append(array)
    return found


def last_axis(part: Part) -> None:
    """Raise unless a layer normalises over the features of a row."""
    axis = part.config.get("axis")
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, 1, []):
        raise ValueError(f"its axis is {shown(axis)}, expected the last of two")


def wants(part: Part, name: str) -> bool:
    """Return a setting that is yes or no."""
    value = part.config.get(name)
    if not isinstance(value, bool):
        raise ValueError(f"its {name} is {shown(value)}, expected true or false")
    return value


def number(part: Part, name: str) -> float:
    """Return a setting that is a number."""
    value = part.config.get(name)
    if not is_number(value):
        raise ValueError(f"its {name} is {shown(value)}, expected a number")
    return float(value)  # type: ignore[arg-type]


def numbers(part: Part, name: str) -> Array:
    """Return a setting that is a number or a list of them, perhaps in a list of one."""
    value = part.config.get(name)
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    listed: Sequence[Any] = value if isinstance(value, list) else [value]
    if not listed or not all(is_number(item) for item in listed):
        raise ValueError(f"its {name} is {shown(value)}, expected a number or a list of numbers")
    return np.array(value, np.float64)
