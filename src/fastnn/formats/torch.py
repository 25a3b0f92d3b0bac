"""PyTorch: modules and state dicts in, ``torch.nn.Sequential`` out. No pickle is ever opened."""

from __future__ import annotations

import copy
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from fastnn._core.checks import wrong_type
from fastnn.activations import check_name
from fastnn.extras import need
from fastnn.formats import tensors, trial
from fastnn.formats.chain import Chain
from fastnn.formats.files import ModelFileError, check_kind, shown
from fastnn.formats.peers import activation_of, peer_of
from fastnn.layers import Dense, parameter_dtype

Array = np.ndarray[Any, Any]

DOES_NOTHING = ("Dropout", "Dropout1d", "AlphaDropout", "FeatureAlphaDropout")
TOLERANCE = 1e-6  # on trial, in float64, of the largest number in a column
# Of the rows on trial: a forward can limit numbers that standard rows don't reach. The usual ones are first.
SCALES = (1.0, 0.0, 100.0, 10_000.0)
UNCHECKED = "its state_dict(), with activations, is taken at its word"


def is_module(model: object) -> bool:
    """Whether something is a ``torch.nn.Module``; PyTorch isn't imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def read_file(path: str | os.PathLike[str], activations: str | Sequence[str] | None) -> list[Dense]:
    """Read a state dict from a safetensors file."""
    check_kind(path, "safetensors")
    metadata, found = tensors.read(path)
    if "fastnn" in metadata:
        raise ModelFileError(
            f"{os.fsdecode(path)} is fastnn's and says its activations itself: fastnn.load reads it"
        )
    try:
        return read_state_dict(found, activations)
    except ValueError as error:
        raise ModelFileError(f"{os.fsdecode(path)}: {error!s:.400}") from error


def read_state_dict(state: Mapping[str, Any], activations: str | Sequence[str] | None) -> list[Dense]:
    """Return the dense layers of a state dict: its weights, in the natural order of their names."""
    tensors.refuse_batch_norm(state)
    state = {name: as_array(shown(name), value) for name, value in state.items()}
    weights = [name for name in sorted(state, key=natural) if is_weight(name, state[name])]
    if not weights:
        raise ValueError("the state dict has no weight, expected names like '0.weight'")
    biases = [f"{name.removesuffix('weight')}bias" for name in weights]
    used = {*weights, *biases}
    for name, value in state.items():
        if name not in used:
            raise ValueError(f"{shown(name)} of shape {value.shape} belongs to no linear layer")
    chain = Chain()
    for name, bias, activation in zip(weights, biases, spread(activations, len(weights)), strict=True):
        try:
            chain.linear(state[name], state.get(bias))
        except ValueError as error:
            raise ValueError(f"{shown(name)}: {error}") from error
        chain.activate(activation)
    return chain.layers()


def spread(activations: str | Sequence[str] | None, n_layers: int) -> list[str]:
    """Return an activation for each layer: one name is for all but the last, and the last may be left out."""
    if activations is None:
        raise ValueError(
            "activations is missing: a state dict doesn't say which they are; one name, such as 'relu', is "
            "that of all layers but the last"
        )
    if isinstance(activations, str) and n_layers == 1 and activations != "identity":
        raise ValueError(
            f"activations is {activations!r}, one name, which all layers but the last have, "
            f"but there is only one layer: pass [{activations!r}] if it has that"
        )
    if not isinstance(activations, Iterable):
        raise wrong_type("activations", activations, "a name or a sequence of names")
    several = [activations] * (n_layers - 1) if isinstance(activations, str) else activations
    hidden = [check_name(name) for name in islice(several, n_layers + 1)]
    if len(hidden) not in (n_layers - 1, n_layers):
        more = " or more" if len(hidden) > n_layers else ""
        raise ValueError(
            f"activations has {len(hidden)} names{more}, expected {n_layers} for {n_layers} layers, "
            "or one less"
        )
    return [*hidden, "identity"][:n_layers]


def natural(name: str) -> list[Any]:
    """Return a key that sorts names as people count: 2 before 10."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))]


def is_weight(name: str, value: Array) -> bool:
    """Whether a parameter is a linear layer's weight."""
    return value.ndim == 2 and name.rpartition(".")[2] == "weight"


def as_array(name: str, value: Any) -> Array:
    """Return a tensor as an array: bfloat16, which NumPy lacks, as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    expected = "a tensor or array of floating-point numbers"
    if not isinstance(value, np.ndarray):
        raise wrong_type(name, value, expected)
    if value.dtype.kind != "f":
        raise TypeError(f"{name} has dtype {value.dtype}, expected {expected}")
    return value


def read_module(module: Any, activations: str | Sequence[str] | None) -> list[Dense]:
    """Return the layers that do what a module does: its children, or its weights with these activations."""
    try:
        dtype = parameter_dtype(*(as_array(name, value) for name, value in module.named_parameters()))
        # In float64 the layers and the module can be told apart by their outputs.
        model = copy.deepcopy(module).cpu().double().eval()
    except (RuntimeError, NotImplementedError, TypeError) as error:
        # Weights that a hook computes, as pruning does, or on the device "meta", which holds none; locks.
        raise ValueError(f"the module can't be copied ({error!s:.300}); {UNCHECKED}") from error
    if activations is None:
        layers = children(model)
        meaning = "its children, one after the other: where it calls functions, pass activations too"
    else:
        layers = read_state_dict(model.state_dict(), activations)
        meaning = f"its weights, one after the other, with activations {activations!r:.200}"
    why = difference(model, layers)
    if why is not None:
        raise ValueError(
            f"the forward of {type(model).__name__} does something else than {meaning} ({why}); {UNCHECKED}"
        )
    return [layer.astype(dtype) for layer in layers]


def children(model: Any) -> list[Dense]:
    """Return the layers that a module's children are, one after the other."""
    chain = Chain()
    for name, part in leaves(model, ""):
        try:
            add(chain, part)
        except ValueError as error:
            raise ValueError(f"{name or 'the module'} ({type(part).__name__}): {error}") from error
    return chain.layers()


def leaves(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the modules that have no children, in order, with their names."""
    # A Sequential yields a child as often as it is called, `named_children` once.
    sequential = type(module).__name__ == "Sequential"
    children: list[tuple[object, Any]] = [*(enumerate(module) if sequential else module.named_children())]
    if not children and not sequential:
        yield name, module
    for key, child in children:
        yield from leaves(child, f"{name}.{key}" if name else str(key))


def add(chain: Chain, part: Any) -> None:
    """Add what a module does in eval mode."""
    kind = type(part).__name__ if type(part).__module__.startswith("torch.nn.modules.") else None
    activation = activation_of("torch", kind, vars(part))
    if activation is not None:
        chain.activate(activation)
    elif kind in ("Linear", "NonDynamicallyQuantizableLinear"):
        chain.linear(
            as_array("weight", part.weight), None if part.bias is None else as_array("bias", part.bias)
        )
    elif kind == "BatchNorm1d" and part.running_mean is not None:
        factor = 1 / np.sqrt(as_array("running_var", part.running_var) + part.eps)
        if part.weight is not None:
            factor = factor * as_array("weight", part.weight)
        shift = -factor * as_array("running_mean", part.running_mean)
        chain.scale(factor, shift if part.bias is None else shift + as_array("bias", part.bias))
    elif kind not in DOES_NOTHING and not (kind == "Flatten" and (part.start_dim, part.end_dim) == (1, -1)):
        raise ValueError(f"fastnn has no equal of {part}")


def difference(model: Any, layers: Sequence[Dense]) -> str | None:
    """Return what shows that the layers don't do what the module's forward does, or None."""
    torch = need("torch", "Reading a module")
    rows = trial.rows(layers)
    usual = np.zeros(layers[-1].n_outputs)
    for scale in SCALES:
        x = scale * rows
        outputs = trial.outputs(layers, x)
        try:
            with torch.no_grad():
                expected = as_array("its output", model(torch.from_numpy(x)))
        except Exception as error:  # whatever somebody's forward raises
            return f"it raises {type(error).__name__}: {error!s:.300}"
        if expected.shape == outputs.shape[:1] and outputs.shape[1] == 1:
            expected = expected[:, np.newaxis]
        if expected.shape != outputs.shape:
            return f"its output has shape {expected.shape}, the layers' has {outputs.shape}"
        usual = np.maximum(usual, trial.largest(expected, axis=0))
        if not trial.same(expected, outputs, TOLERANCE * usual):
            return "other numbers come out"
    return None


def write(layers: Sequence[Dense]) -> Any:
    """Return layers as a ``torch.nn.Sequential``: a Linear and an activation for each."""
    torch = need("torch", "Network.to_torch")
    modules = []
    for layer in layers:
        peer = peer_of("torch", layer.activation)
        if peer is None:
            raise ValueError(f"PyTorch has no {layer.activation}")
        linear = torch.nn.utils.skip_init(
            torch.nn.Linear,
            layer.n_inputs,
            layer.n_outputs,
            bias=layer.bias is not None,
            dtype=torch.float64 if layer.dtype == np.float64 else torch.float32,
        )
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.weight.copy()))
            if layer.bias is not None:
                linear.bias.copy_(torch.from_numpy(layer.bias.copy()))
        name, attributes = peer
        modules += [linear, getattr(torch.nn, name)(**attributes)]
    return torch.nn.Sequential(*modules)
