"""Networks from model files and other libraries' models, whose readers are imported when asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastnn._core.checks import wrong_type
from fastnn.extras import need
from fastnn.formats import golden, native
from fastnn.formats.files import ModelFileError, check_kind
from fastnn.layers import Dense
from fastnn.network import Network

if TYPE_CHECKING:
    from onnx import ModelProto


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network that `Network.save` wrote.

    Parameters
    ----------
    path : str or path-like
        A safetensors file.

    Returns
    -------
    Network

    Raises
    ------
    TypeError
        If path is no path.
    ValueError
        If no file can have that name: it holds a null character, say.
    OSError
        If the file can't be read.
    ModelFileError
        If it isn't such a file, or is damaged, or the network doesn't give the golden outputs that it has.

    Examples
    --------
    See `Network.save`.
    """
    return _open(path, "safetensors")


def from_torch(model: Any, activations: str | Sequence[str] | None = None) -> Network:
    """Return the network of a PyTorch module or state dict.

    Parameters
    ----------
    model : torch.nn.Module, mapping of str to tensor or ndarray, str or path-like
        A module whose children do all its work, one after the other: Linear, BatchNorm1d (folded into its
        neighbour, as it is at inference), the activations that fastnn has, and Dropout, Flatten and Identity,
        which do nothing here; in ``Sequential``s or not. Or a state dict, or a safetensors file of one, for
        which PyTorch needn't be installed: weights and biases of linear layers, put in the natural order of
        their names (layer 2 before layer 10), without batch normalisation, whose place and epsilon it
        doesn't have. Nothing is read from a pickle, as ``torch.save`` writes.
    activations : str or sequence of str, optional
        What a state dict leaves open, and a module whose ``forward`` calls functions: the layers'
        activations, of which the last may be left out, for identity. One name is that of all layers but the
        last, of which there must be some.

    Returns
    -------
    Network
        float64 if any parameter is, else float32.

    Raises
    ------
    OSError
        If the file can't be read.
    ModelFileError
        If it is a pickle, damaged or fastnn's own, or has tensors that don't belong to linear layers.
    TypeError
        If the model is none of these.
    ValueError
        If the module has a part that fastnn can't do, or on trial does something else than its children, or
        than its weights with these activations; or activations is missing, or doesn't fit; or no file can
        have that name.

    Notes
    -----
    A module is tried in float64 on eight rows of random numbers, small and large, and on zeros, and its
    outputs are compared with the network's; a vector of outputs is taken for a column. A state dict can't be
    tried: it is taken at its word.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> state = {"fc1.weight": np.ones((3, 2)), "fc1.bias": np.zeros(3), "fc2.weight": np.ones((1, 3))}
    >>> fastnn.from_torch(state, activations="relu")
    Network([
        Dense([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], [0.0, 0.0, 0.0], "relu"),
        Dense([[1.0, 1.0, 1.0]]),
    ])

    >>> import torch  # doctest: +SKIP
    >>> fastnn.from_torch(torch.nn.Sequential(torch.nn.Linear(40, 2), torch.nn.Tanh()))  # doctest: +SKIP
    Network([Dense(<float32 (2, 40)>, <float32 (2,)>, "tanh")])
    """
    from fastnn.formats import torch

    if torch.is_module(model):
        return Network(torch.read_module(model, activations))
    is_path = isinstance(model, str | os.PathLike)
    if not is_path and not isinstance(model, Mapping):
        raise wrong_type("model", model, "a torch.nn.Module, a state dict, or the path of one")
    if is_path:
        return Network(torch.read_file(model, activations))
    return Network(torch.read_state_dict(model, activations))


def from_sklearn(estimator: Any) -> Network:
    """Return the network of a scikit-learn MLP, the scaling of its inputs included.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, Pipeline or TransformedTargetRegressor
        Fitted. A pipeline may have StandardScaler, MinMaxScaler and MaxAbsScaler before the MLP: they become
        part of the first layer. The scaling of a TransformedTargetRegressor becomes part of the last one.

    Returns
    -------
    Network
        In the dtype that the MLP was fitted in. A classifier's network gives what ``predict_proba`` does, a
        column for each class in the order of ``estimator.classes_``; two classes are two columns as well. A
        regressor's gives what ``predict`` does, as a column where that gives a vector.

    Raises
    ------
    TypeError
        If it is no such estimator, or one of a subclass: that may compute something else.
    ValueError
        If it isn't fitted, or has a step or activation that fastnn hasn't.

    Notes
    -----
    The scaling is folded in float64, and rounded once. In float32, features whose mean is far larger than
    their deviation lose digits by that: the mean is no longer subtracted before the weights multiply. Fit
    such an MLP in float64.

    Examples
    --------
    >>> from sklearn.datasets import load_iris  # doctest: +SKIP
    >>> from sklearn.neural_network import MLPClassifier  # doctest: +SKIP
    >>> from sklearn.pipeline import make_pipeline  # doctest: +SKIP
    >>> from sklearn.preprocessing import StandardScaler  # doctest: +SKIP
    >>> import fastnn
    >>> x, y = load_iris(return_X_y=True)  # doctest: +SKIP
    >>> mlp = MLPClassifier([8], max_iter=2000, random_state=0)  # doctest: +SKIP
    >>> estimator = make_pipeline(StandardScaler(), mlp).fit(x, y)  # doctest: +SKIP
    >>> net = fastnn.from_sklearn(estimator)  # doctest: +SKIP
    >>> net  # doctest: +SKIP
    Network([
        Dense(<float64 (8, 4)>, <float64 (8,)>, "relu"),
        Dense(<float64 (3, 8)>, <float64 (3,)>, "softmax"),
    ])
    >>> estimator.classes_[net(x[:5]).argmax(axis=1)]  # doctest: +SKIP
    array([0, 0, 0, 0, 0])
    """
    from fastnn.formats import sklearn

    return Network(sklearn.read(estimator))


def from_keras(model: Any) -> Network:
    """Return the network of a Keras 3 model, in memory or in a ``.keras`` file.

    Parameters
    ----------
    model : keras.Model, str or path-like
        A ``Sequential`` or functional model whose layers are one chain: Dense, BatchNormalization,
        Normalization and Rescaling (folded into a Dense beside them), the activations that fastnn has, as
        layers or by name, and Dropout, noise, Flatten and Identity, which do nothing here; models in models
        too. Or a file of such a model, for which h5py is needed, but not Keras.

    Returns
    -------
    Network
        float64 if any variable is, else float32, whatever the model computes in. Where the model's examples
        have more than one axis and are flattened first, the network's are the flattened ones.

    Raises
    ------
    OSError
        If the file can't be read.
    ModelFileError
        If it is no such file, damaged, compressed, or has a layer or activation that fastnn hasn't, such as a
        Lambda.
    TypeError
        If the model is neither.
    ValueError
        If the model isn't built, isn't a chain, or has a layer or activation that fastnn hasn't; or on trial
        does something else than its layers; or no file can have that name.
    ImportError
        If h5py isn't installed, and model is a file.

    Notes
    -----
    A model in memory is tried on eight rows of random numbers, and its outputs are compared with the
    network's. Where a layer is used twice in a ``Sequential``, Keras saves one use only: the file is read as
    Keras itself reads it.

    Examples
    --------
    >>> import keras  # doctest: +SKIP
    >>> import fastnn
    >>> dense = keras.layers.Dense  # doctest: +SKIP
    >>> model = keras.Sequential([keras.Input((4,)), dense(8, "relu"), dense(3, "softmax")])  # doctest: +SKIP
    >>> fastnn.from_keras(model)  # doctest: +SKIP
    Network([
        Dense(<float32 (8, 4)>, <float32 (8,)>, "relu"),
        Dense(<float32 (3, 8)>, <float32 (3,)>, "softmax"),
    ])
    """
    from fastnn.formats import keras

    if isinstance(model, str | os.PathLike):
        return _open(model, "keras")
    if not keras.is_model(model):
        raise wrong_type("model", model, "a keras.Model or the path of a .keras file")
    return Network(keras.read_model(model))


def open_model(path: str | os.PathLike[str]) -> Network:
    """Read a model file of any format, by what is in it.

    Parameters
    ----------
    path : str or path-like
        A safetensors file that `Network.save` wrote, a ``.keras`` file, or an ONNX file.

    Returns
    -------
    Network

    Raises
    ------
    TypeError
        If path is no path.
    ValueError
        If no file can have that name: it holds a null character, say.
    OSError
        If the file can't be read.
    ModelFileError
        If it is of another format, damaged, or holds a model that isn't dense layers in a chain.
    ImportError
        If its format needs a package that isn't installed.

    Examples
    --------
    >>> import fastnn, tempfile, pathlib
    >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "sigmoid")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.safetensors")
    ...     net.save(path)
    ...     fastnn.open_model(path) == net
    True
    """
    return _open(path, *READERS)


def from_onnx(
    model: str | os.PathLike[str] | ModelProto, *, output: str | None = None, external_data: bool = False
) -> Network:
    """Read a network from an ONNX model that is a multi-layer perceptron, whatever its operators are.

    Constants that are added or multiplied, batch normalisation among them, are folded into the dense layers,
    in float64 and rounded once, so the last bits can differ from those of another runtime.

    Parameters
    ----------
    model : str, path-like or onnx.ModelProto
        The file, or the model in memory.
    output : str, optional
        Which of the graph's values the network computes. By default its output, or, beside outputs with
        labels, the only one that holds real numbers: a classifier's probabilities.
    external_data : bool, default False
        Whether parameters may be read from other files in the model's folder.

    Returns
    -------
    Network
        float64 if the graph computes anything in float64, else float32; what is float16 or bfloat16 in the
        graph is computed in float32. Examples of several axes are rows, flattened in C order. A parameter
        that ONNX holds as float32, like a slope, becomes the shortest decimal number that rounds to it.

    Raises
    ------
    TypeError
        If model is none of these.
    ValueError
        If no file can have that name: it holds a null character, say.
    OSError
        If the file can't be read.
    ModelFileError
        If it is damaged, or its graph isn't a chain of dense layers and activations that fastnn has; the
        message names the node and its operator.
    ImportError
        If the onnx package isn't installed.

    Notes
    -----
    docs/models.md lists the operators. Refused besides: branches that meet, but in an activation that is
    written as several operators; training; and what mixes examples.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> import onnx  # doctest: +SKIP
    >>> w = onnx.numpy_helper.from_array(np.array([[1.0, -1.0], [0.5, 2.0]]), "w")  # doctest: +SKIP
    >>> c = onnx.numpy_helper.from_array(np.array([3.0, 4.0]), "c")  # doctest: +SKIP
    >>> x, y = (onnx.helper.make_tensor_value_info(name, 11, ["N", 2]) for name in "xy")  # doctest: +SKIP
    >>> nodes = [
    ...     onnx.helper.make_node("MatMul", ["x", "w"], ["z"]),
    ...     onnx.helper.make_node("Sub", ["z", "c"], ["y"]),
    ... ]  # doctest: +SKIP
    >>> graph = onnx.helper.make_graph(nodes, "layer", [x], [y], [w, c])  # doctest: +SKIP
    >>> fastnn.from_onnx(onnx.helper.make_model(graph)).layers[0].bias  # doctest: +SKIP
    array([-3., -4.])
    """
    if isinstance(model, str | os.PathLike):
        check_kind(model, "onnx", unknown=True)  # by its first bytes it could be anything
    need("onnx", "Reading an ONNX model")
    from fastnn.formats.onnx import read

    return Network(read.read(model, output, external_data))


def _open(path: str | os.PathLike[str], *formats: str) -> Network:
    """Read a model file, which must be of one of these formats."""
    return READERS[check_kind(path, *formats)](path)


def _load(path: str | os.PathLike[str]) -> Network:
    path = os.fsdecode(path)
    layers, found = native.read(path)
    net = _network(path, layers)
    if found is not None:
        golden.check(path, golden.from_json(path, found, net), net)
    return net


def _from_keras_file(path: str | os.PathLike[str]) -> Network:
    from fastnn.formats import keras_file

    return _network(path, keras_file.read(path))


# By the formats' usual suffix: what reads a file that looks like one of each.
READERS: dict[str, Callable[[str | os.PathLike[str]], Network]] = {
    "safetensors": _load,
    "keras": _from_keras_file,
    "onnx": from_onnx,
}


def _network(path: str | os.PathLike[str], layers: Sequence[Dense]) -> Network:
    """Return the network of a file's layers."""
    try:
        return Network(layers)
    except ValueError as error:
        raise ModelFileError(f"{os.fsdecode(path)}: {error!s:.400}") from error
