"""scikit-learn: MLPs, alone or at the end of a pipeline of scalers, which are folded into the first layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnn._core.checks import wrong_type
from fastnn.formats.chain import Chain
from fastnn.formats.peers import activation_of
from fastnn.layers import Dense

Array = np.ndarray[Any, Any]


def read(estimator: Any) -> list[Dense]:
    """Return the dense layers of a fitted estimator."""
    chain = Chain(getattr(estimator, "n_features_in_", None))
    add(chain, estimator)
    return chain.layers()


def add(chain: Chain, estimator: Any) -> None:
    """Add what an estimator does."""
    kind = kind_of(estimator)
    if kind == "Pipeline":
        *scalers, (_, last) = estimator.steps
        for _, scaler in scalers:
            add_scaler(chain, scaler)
        add(chain, last)
    elif kind == "TransformedTargetRegressor":
        add(chain, fitted(estimator, "regressor_"))
        add_inverse(chain, estimator)
    elif kind in ("MLPClassifier", "MLPRegressor"):
        add_mlp(chain, estimator)
    else:
        expected = f"an MLPClassifier or MLPRegressor, or a Pipeline of {', '.join(SCALERS)} and one of these"
        raise wrong_type("estimator", estimator, expected)


def add_mlp(chain: Chain, estimator: Any) -> None:
    """Add the layers of an MLP."""
    weights: list[Array] = [weight.T for weight in fitted(estimator, "coefs_")]
    biases = list(estimator.intercepts_)
    hidden, last = name_of(estimator.activation), name_of(estimator.out_activation_)
    if last == "sigmoid" and len(biases[-1]) == 1:
        # Two classes: the softmax of (0, z) is (1 - sigmoid(z), sigmoid(z)), which predict_proba gives.
        weights[-1] = np.vstack([np.zeros_like(weights[-1]), weights[-1]])
        biases[-1] = np.append(np.zeros_like(biases[-1]), biases[-1])
        last = "softmax"
    for weight, bias, activation in zip(weights, biases, [hidden] * (len(weights) - 1) + [last], strict=True):
        chain.linear(weight, bias)
        chain.activate(activation)


def name_of(activation: object) -> str:
    """Return fastnn's name for an activation of scikit-learn's."""
    name = activation_of("sklearn", activation)
    if name is None:
        raise ValueError(f"the estimator's activation is {activation!r}, of which fastnn has no equal")
    return name


class Affine(NamedTuple):
    """What a scaler does to its input: factor * x + shift, then a limit on both sides."""

    factor: Array
    shift: Array
    limits: tuple[float, float] | None = None


def standard(scaler: Any) -> Affine:
    """StandardScaler: (x - mean) / deviation, of which each may be left out."""
    factor = 1 / scaler.scale_ if scaler.with_std else np.ones(scaler.n_features_in_)
    return Affine(factor, -scaler.mean_ * factor if scaler.with_mean else np.zeros_like(factor))


def min_max(scaler: Any) -> Affine:
    """MinMaxScaler: to a range."""
    return Affine(scaler.scale_, scaler.min_, scaler.feature_range if scaler.clip else None)


def max_abs(scaler: Any) -> Affine:
    """MaxAbsScaler: to [-1, 1], without a shift."""
    factor = 1 / scaler.scale_
    return Affine(factor, np.zeros_like(factor), (-1.0, 1.0) if getattr(scaler, "clip", False) else None)


SCALERS: dict[str, Callable[[Any], Affine]] = {
    "StandardScaler": standard,
    "MinMaxScaler": min_max,
    "MaxAbsScaler": max_abs,
}


def add_scaler(chain: Chain, scaler: Any) -> None:
    """Add a step of a pipeline before its end."""
    if scaler is None or scaler == "passthrough":
        return
    factor, shift, limits = affine(scaler)
    chain.scale(factor, shift)
    if limits is not None:
        chain.activate(f"clip({limits[0]}, {limits[1]})")


def add_inverse(chain: Chain, estimator: Any) -> None:
    """Add the way back from the target that a TransformedTargetRegressor fitted."""
    if estimator.func is not None or estimator.inverse_func is not None:
        raise ValueError("the TransformedTargetRegressor has functions of its own, expected a scaler")
    if estimator.transformer is not None:
        factor, shift, _ = affine(estimator.transformer_)  # the inverse doesn't clip
        chain.scale(1 / factor, -shift / factor)


def affine(scaler: Any) -> Affine:
    """Return what a fitted scaler does."""
    kind = kind_of(scaler)
    if kind not in SCALERS:
        raise ValueError(f"the pipeline has {type(scaler).__name__}, expected one of {', '.join(SCALERS)}")
    fitted(scaler, "n_features_in_")
    return SCALERS[kind](scaler)


def fitted(estimator: Any, attribute: str) -> Any:
    """Return what an estimator has learnt."""
    if not hasattr(estimator, attribute):
        raise ValueError(f"the {type(estimator).__name__} isn't fitted: it has no {attribute}")
    return getattr(estimator, attribute)


def kind_of(estimator: object) -> str | None:
    """Return the name of the class that something is of, if that is scikit-learn's, which isn't imported."""
    kind = type(estimator)
    if is_own(kind):
        return kind.__name__
    base = next(filter(is_own, kind.__mro__), None)
    if base is not None:
        raise TypeError(
            f"{kind.__module__}.{kind.__qualname__} is a subclass of scikit-learn's {base.__name__}, "
            f"which may do something else: pass a {base.__name__} with its attributes"
        )
    return None


def is_own(kind: type) -> bool:
    """Whether a class is one of scikit-learn's."""
    return kind.__module__.startswith("sklearn.")
