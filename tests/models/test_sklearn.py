"""scikit-learn's MLPs and pipelines: the same predictions, on its own data sets too."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from support import needs

import fastnn

sklearn = needs("sklearn")
from sklearn import datasets  # noqa: E402
from sklearn.compose import TransformedTargetRegressor  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler  # noqa: E402

DTYPES = {"float32": 2e-6, "float64": 1e-13}
HIDDEN = ("identity", "logistic", "tanh", "relu")
SCALERS = {
    "standard": StandardScaler(),
    "without mean": StandardScaler(with_mean=False),
    "without deviation": StandardScaler(with_std=False),
    "without both": StandardScaler(with_mean=False, with_std=False),
    "min-max": MinMaxScaler((-1, 2)),
    "max-abs": MaxAbsScaler(),
}


def data(dtype: str, n_outputs: int | None = None) -> tuple[Any, Any]:
    """Return 120 rows of 6 features that need scaling, one without deviation, and targets."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 6)) * [1, 5, 0.1, 2, 0, 3] + [0, 3, 0.2, -4, 2, 1]
    y = x @ rng.standard_normal((6, n_outputs or 1)) + rng.standard_normal((120, n_outputs or 1))
    return x.astype(dtype), (y if n_outputs else y[:, 0]).astype(dtype)


def fit(estimator: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(x, y)


def mlp(kind: Any, activation: str = "relu") -> Any:
    return kind(hidden_layer_sizes=(7, 5), activation=activation, max_iter=8, random_state=0)


def agree(estimator: Any, x: Any, limit: float, method: str) -> fastnn.Network:
    net = fastnn.from_sklearn(estimator)
    expected = getattr(estimator, method)(x)
    y = net(x)
    assert y.dtype == net.dtype
    if expected.ndim == 1:
        expected = expected[:, np.newaxis]
    assert y.shape == expected.shape
    assert np.ptp(expected) > 0
    assert np.abs(y - expected).max() <= limit * np.abs(expected).max()
    return net


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", HIDDEN)
class TestEveryActivation:
    def test_regression(self, activation: str, dtype: str) -> None:
        for n_outputs in (None, 3):
            x, y = data(dtype, n_outputs)
            net = agree(fit(mlp(MLPRegressor, activation), x, y), x, DTYPES[dtype], "predict")
            assert net.dtype == dtype
            assert net.layers[-1].activation == "identity"

    @pytest.mark.parametrize("labels", [(0, 1), (2, 7, 3), ("no", "yes"), ("a", "b", "c", "d")], ids=str)
    def test_classes(self, activation: str, dtype: str, labels: tuple[Any, ...]) -> None:
        x, y = data(dtype)
        quantiles = np.quantile(y, np.linspace(0, 1, len(labels) + 1)[1:-1])
        estimator = fit(mlp(MLPClassifier, activation), x, np.array(labels)[np.digitize(y, quantiles)])
        net = agree(estimator, x, DTYPES[dtype], "predict_proba")
        assert net.dtype == dtype
        assert net.n_outputs == len(labels)
        assert net.layers[-1].activation == "softmax"
        np.testing.assert_array_equal(estimator.classes_[net(x).argmax(axis=1)], estimator.predict(x))

    def test_multilabel(self, activation: str, dtype: str) -> None:
        x, y = data(dtype, 3)
        estimator = fit(mlp(MLPClassifier, activation), x, (y > 0).astype(int))
        net = agree(estimator, x, DTYPES[dtype], "predict_proba")
        assert net.layers[-1].activation == "sigmoid"
        np.testing.assert_array_equal(net(x) > 0.5, estimator.predict(x))


class TestPipelines:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("scaler", SCALERS)
    def test_scalers(self, scaler: str, dtype: str) -> None:
        x, y = data(dtype)
        estimator = fit(make_pipeline(SCALERS[scaler], mlp(MLPRegressor)), x, y)
        net = agree(estimator, x, 5 * DTYPES[dtype], "predict")
        assert net.dtype == dtype
        assert [layer.weight.shape for layer in net.layers] == [(7, 6), (5, 7), (1, 5)]

    def test_several_none_and_a_pipeline_in_a_pipeline(self) -> None:
        x, y = data("float64")
        steps = [("a", MinMaxScaler()), ("b", "passthrough"), ("c", StandardScaler()), ("d", None)]
        for estimator in (
            Pipeline([*steps, ("mlp", mlp(MLPRegressor))]),
            make_pipeline(mlp(MLPRegressor)),
            make_pipeline(StandardScaler(), make_pipeline(MaxAbsScaler(), mlp(MLPRegressor))),
        ):
            agree(fit(estimator, x, y), x, 1e-12, "predict")

    @pytest.mark.parametrize("n_outputs", [None, 3])
    @pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler(), MaxAbsScaler()], ids=str)
    def test_scaled_targets(self, scaler: Any, n_outputs: int | None) -> None:
        x, y = data("float64", n_outputs)
        regressor = make_pipeline(StandardScaler(), mlp(MLPRegressor))
        estimator = TransformedTargetRegressor(regressor, transformer=scaler)
        net = agree(fit(estimator, x, 100 * y + 7), x, 1e-12, "predict")
        assert len(net.layers) == 3

    @pytest.mark.parametrize("clipped", [MinMaxScaler((-1, 2), clip=True), MaxAbsScaler(clip=True)], ids=str)
    def test_clipped(self, clipped: Any) -> None:
        x, y = data("float64")
        net = agree(fit(make_pipeline(clipped, mlp(MLPRegressor)), x, y), 3 * x, 1e-12, "predict")
        assert net.layers[0].activation in ("clip(-1, 2)", "clip(-1, 1)")
        assert len(net.layers) == 4


class TestRefused:
    def test_unfitted(self) -> None:
        for estimator in (MLPClassifier(), make_pipeline(StandardScaler(), MLPRegressor())):
            with pytest.raises(ValueError, match=r"(MLPClassifier|StandardScaler) isn't fitted: it has no"):
                fastnn.from_sklearn(estimator)
        with pytest.raises(ValueError, match="TransformedTargetRegressor isn't fitted"):
            fastnn.from_sklearn(TransformedTargetRegressor(MLPRegressor()))

    def test_other_estimators(self) -> None:
        x, y = data("float64")
        for estimator in (None, "mlp", StandardScaler(), make_pipeline(StandardScaler()), object()):
            with pytest.raises(TypeError, match="expected an MLPClassifier or MLPRegressor"):
                fastnn.from_sklearn(estimator)
        estimator = fit(make_pipeline(RobustScaler(), mlp(MLPRegressor)), x, y)
        with pytest.raises(ValueError, match="has RobustScaler, expected one of StandardScaler"):
            fastnn.from_sklearn(estimator)

    @pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, StandardScaler, MinMaxScaler, Pipeline])
    def test_subclasses(self, kind: Any) -> None:
        mine = type("Mine", (kind,), {"__doc__": "Might compute anything."})
        x, y = data("float64")
        if issubclass(kind, MLPClassifier | MLPRegressor):
            estimator = make_pipeline(StandardScaler(), mlp(mine))
        elif kind is Pipeline:
            estimator = mine([("scaler", StandardScaler()), ("mlp", mlp(MLPRegressor))])
        else:
            estimator = make_pipeline(mine(), mlp(MLPRegressor))
        fit(estimator, x, y > 0 if kind is MLPClassifier else y)
        message = rf"Mine is a subclass of scikit-learn's {kind.__name__}, which may do something else"
        with pytest.raises(TypeError, match=message):
            fastnn.from_sklearn(estimator)

    def test_functions_of_the_target(self) -> None:
        x, y = data("float64")
        estimator = TransformedTargetRegressor(mlp(MLPRegressor), func=np.arcsinh, inverse_func=np.sinh)
        with pytest.raises(ValueError, match="has functions of its own"):
            fastnn.from_sklearn(fit(estimator, x, y))

    def test_counts(self) -> None:
        x, y = data("float64")
        estimator = fit(mlp(MLPRegressor), x, np.abs(y))
        estimator.out_activation_ = "exp"  # as loss="poisson" does from scikit-learn 1.7 on
        with pytest.raises(ValueError, match="activation is 'exp', of which fastnn has no equal"):
            fastnn.from_sklearn(estimator)


CLASSES = {
    "digits": (datasets.load_digits, 0.95),
    "iris": (datasets.load_iris, 0.9),
    "wine": (datasets.load_wine, 0.9),
    "breast cancer": (datasets.load_breast_cancer, 0.93),
}


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()], ids=str)
@pytest.mark.parametrize("name", CLASSES)
def test_data_sets_of_classes(name: str, scaler: Any) -> None:
    load, accuracy = CLASSES[name]
    x, y = load(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0, stratify=y)
    estimator = make_pipeline(
        scaler, MLPClassifier((32,), learning_rate_init=0.01, max_iter=150, random_state=0)
    )
    fit(estimator, x_train, y_train)
    net = agree(estimator, x_test, 1e-12, "predict_proba")
    labels = estimator.classes_[net(x_test).argmax(axis=1)]
    np.testing.assert_array_equal(labels, estimator.predict(x_test))
    assert np.mean(labels == y_test) > accuracy
    narrow = net.astype("float32")
    np.testing.assert_array_equal(narrow(x_test).argmax(axis=1), net(x_test).argmax(axis=1))


def test_diabetes() -> None:
    x, y = datasets.load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    regressor = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(16,), max_iter=150, random_state=0)
    )
    estimator = fit(TransformedTargetRegressor(regressor, transformer=StandardScaler()), x_train, y_train)
    net = agree(estimator, x_test, 1e-12, "predict")
    residuals = net(x_test)[:, 0] - y_test
    assert 1 - np.var(residuals) / np.var(y_test) > 0.2
