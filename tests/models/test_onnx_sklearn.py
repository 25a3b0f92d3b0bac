"""scikit-learn's MLPs as skl2onnx exports them: what scikit-learn and ONNX Runtime make of the same rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from support import needs

import fastnn
from fastnn import ModelFileError

onnx, runtime, skl2onnx = needs("onnx"), needs("onnxruntime"), needs("skl2onnx")
needs("sklearn")

from sklearn.datasets import load_iris  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler, StandardScaler  # noqa: E402

Array = np.ndarray[Any, Any]

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
DTYPES = (np.float32, np.float64)
# What is added in another order differs by a few roundings of numbers that are up to 10 or so.
LIMITS = {np.dtype(np.float32): 5e-6, np.dtype(np.float64): 1e-13}

X, CLASSES = load_iris(return_X_y=True)
TARGETS = {
    "binary": (CLASSES > 0).astype(int),
    "words": np.array(["no", "yes"])[(CLASSES > 1).astype(int)],
    "multiclass": CLASSES,
    "multilabel": np.stack([CLASSES > 0, X[:, 0] > 5.8, X[:, 1] > 3.0], axis=1).astype(int),
}
REGRESSIONS = {"one": X[:, 0], "two": X[:, :2]}

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


def fitted(kind: Any, activation: str, dtype: Any, targets: Array) -> Any:
    mlp = kind(hidden_layer_sizes=(7, 6), activation=activation, max_iter=15, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few iterations don't converge
        return mlp.fit(X.astype(dtype), targets)


def exported(estimator: Any, dtype: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return skl2onnx.to_onnx(
            estimator, X[:1].astype(dtype), options={id(estimator): options} if options else None
        )


def without_labels(model: Any, output: str) -> Any:
    """Return the model as far as one output needs it: of labels, ONNX Runtime lacks some in float64."""
    pruned = onnx.ModelProto.FromString(model.SerializeToString())
    graph, needed = pruned.graph, {output}
    for node in reversed(model.graph.node):
        needed.update(node.input if needed.intersection(node.output) else ())
    for parts, names in ((graph.node, lambda part: part.output), (graph.output, lambda part: [part.name])):
        kept = [part for part in parts if needed.intersection(names(part))]
        del parts[:]
        parts.extend(kept)
    return pruned


def agree(model: Any, output: str, expected: Array, dtype: Any) -> fastnn.Network:
    """The network's outputs are those that scikit-learn and ONNX Runtime give."""
    net = fastnn.from_onnx(model)
    assert net.dtype == dtype
    y = net(X)
    limit = LIMITS[np.dtype(dtype)]
    np.testing.assert_allclose(y, expected.reshape(y.shape), rtol=limit, atol=limit)
    session = runtime.InferenceSession(
        without_labels(model, output).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (other,) = session.run([output], {"X": X.astype(dtype)})
    np.testing.assert_allclose(y, other.reshape(y.shape), rtol=limit, atol=limit)
    return net


@every_dtype
@pytest.mark.parametrize("targets", TARGETS)
@every_activation
def test_classifier(activation: str, targets: str, dtype: Any) -> None:
    mlp = fitted(MLPClassifier, activation, dtype, TARGETS[targets])
    net = agree(
        exported(mlp, dtype, zipmap=False), "probabilities", mlp.predict_proba(X.astype(dtype)), dtype
    )
    assert net.layers[-1].activation == ("sigmoid" if targets == "multilabel" else "softmax")
    assert len(net.layers) == 3
    if targets != "multilabel":
        np.testing.assert_array_equal(mlp.classes_[net(X).argmax(axis=1)], mlp.predict(X.astype(dtype)))
        # With labels, or as maps from labels, which is what skl2onnx does unless told otherwise.
        assert fastnn.from_onnx(exported(mlp, dtype)) == net


@every_dtype
@pytest.mark.parametrize("targets", REGRESSIONS)
@every_activation
def test_regressor(activation: str, targets: str, dtype: Any) -> None:
    mlp = fitted(MLPRegressor, activation, dtype, REGRESSIONS[targets])
    # Of two outputs, skl2onnx makes one column of twice the rows; the network has a row for each example.
    net = agree(exported(mlp, dtype), "variable", mlp.predict(X.astype(dtype)), dtype)
    assert net.n_outputs == {"one": 1, "two": 2}[targets]
    assert len(net.layers) == 3


@every_dtype
@pytest.mark.parametrize(
    "scaler", [StandardScaler(), StandardScaler(with_std=False), MinMaxScaler()], ids=str
)
def test_scaler_is_folded(scaler: Any, dtype: Any) -> None:
    pipeline = make_pipeline(scaler, MLPClassifier([6], max_iter=15, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(X.astype(dtype), TARGETS["multiclass"])
    model = exported(pipeline, dtype)
    net = fastnn.from_onnx(model)
    assert len(net.layers) == 2
    # The constants of ONNX's Scaler are float32.
    limit = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(net(X), pipeline.predict_proba(X.astype(dtype)), rtol=limit, atol=limit)


def test_one_column_by_name() -> None:
    mlp = fitted(MLPClassifier, "relu", np.float64, TARGETS["multiclass"])
    model = exported(mlp, np.float64, zipmap="columns")
    with pytest.raises(ModelFileError, match="it has outputs 'output_label', 'i0', 'i1', 'i2': name the one"):
        fastnn.from_onnx(model)
    expected = mlp.predict_proba(X)
    for i in range(3):
        net = fastnn.from_onnx(model, output=f"i{i}")
        np.testing.assert_allclose(net(X)[:, 0], expected[:, i], rtol=1e-12, atol=1e-15)


def test_labels_are_no_output() -> None:
    mlp = fitted(MLPClassifier, "relu", np.float32, TARGETS["binary"])
    with pytest.raises(ModelFileError, match=r"node 'ArgMax' \(ArgMax\): an operator that has no place"):
        fastnn.from_onnx(exported(mlp, np.float32, zipmap=False), output="label")
