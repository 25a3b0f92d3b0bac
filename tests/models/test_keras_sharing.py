"""Keras models that are no plain chain: layers used twice, several inputs, functions called like Keras's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import needs

import fastnn
from fastnn import ModelFileError

keras = needs("keras")
needs("h5py")
layers = keras.layers

# Keras's own, of its arrays on PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

X = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")


@pytest.fixture(autouse=True)
def seeded() -> None:
    keras.utils.set_random_seed(0)


def sequential(*parts: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), *parts])


def gives_the_same(net: fastnn.Network, model: Any) -> None:
    expected = keras.ops.convert_to_numpy(model(X, training=False))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(net(X), expected, rtol=0, atol=1e-5)


def dense_twice() -> Any:
    dense = layers.Dense(4, "tanh")
    return sequential(dense, dense)


def activation_twice() -> Any:
    activation = layers.LeakyReLU()
    return sequential(layers.Dense(4), activation, layers.Dense(3), activation)


def scaling_twice() -> Any:
    scaling = layers.Rescaling(2.0, 1.0)
    return sequential(scaling, layers.Dense(3), scaling)


def model_twice() -> Any:
    model = sequential(layers.Dense(4, "relu"), layers.Dense(4))
    return sequential(model, model)


TWICE = [(dense_twice, 2), (activation_twice, 2), (scaling_twice, 1), (model_twice, 4)]


@pytest.mark.parametrize(("make", "n_layers"), TWICE)
def test_a_layer_that_is_used_twice_in_a_row(make: Callable[[], Any], n_layers: int, tmp_path: Path) -> None:
    model = make()
    net = fastnn.from_keras(model)
    assert len(net.layers) == n_layers
    gives_the_same(net, model)
    # In the file it stands once, for Keras too.
    model.save(tmp_path / "model.keras")
    gives_the_same(
        fastnn.from_keras(tmp_path / "model.keras"), keras.saving.load_model(tmp_path / "model.keras")
    )


def between() -> Any:
    dense = layers.Dense(4, "tanh")
    return sequential(dense, layers.Dense(4, "relu"), dense, layers.Dense(2))


def in_two_models() -> Any:
    dense = layers.Dense(4, "tanh")
    return sequential(keras.Sequential([dense]), dense)


@pytest.mark.parametrize("make", [between, in_two_models])
def test_a_file_that_keras_cannot_read(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    gives_the_same(fastnn.from_keras(model), model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="could not be loaded"):
        keras.saving.load_model(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=r"Dense 'dense.*': layers/dense.* is missing"):
        fastnn.from_keras(tmp_path / "model.keras")


def built_of_one_layer() -> Any:
    inputs, dense = keras.Input((4,)), layers.Dense(4, "tanh")
    return keras.Model(inputs, dense(dense(inputs)))


def model_in_model_twice() -> Any:
    inputs, model = keras.Input((4,)), sequential(layers.Dense(4, "tanh"))
    return keras.Model(inputs, model(model(inputs)))


def residual() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, inputs + layers.Dense(4)(inputs))


def product() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Multiply()([layers.Dense(4)(inputs), layers.Dense(4)(inputs)]))


def two_inputs() -> Any:
    inputs = [keras.Input((4,)), keras.Input((4,))]
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(inputs)))


def two_chains() -> Any:
    inputs = [keras.Input((4,)), keras.Input((4,))]
    return keras.Model(inputs, [layers.Dense(2)(one) for one in inputs])


def two_outputs() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)])


def output_on_the_way() -> Any:
    inputs = keras.Input((4,))
    hidden = layers.Dense(4)(inputs)
    return keras.Model(inputs, [hidden, layers.Dense(3)(hidden)])


def one_output_twice() -> Any:
    inputs = keras.Input((4,))
    outputs = layers.Dense(4)(inputs)
    return keras.Model(inputs, [outputs, outputs])


def named_outputs() -> Any:
    inputs = keras.Input((4,), name="a")
    return keras.Model({"a": inputs}, {"b": layers.Dense(4)(inputs)})


def in_training() -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3)(layers.BatchNormalization()(inputs, training=True)))


NO_CHAINS = [
    built_of_one_layer,
    model_in_model_twice,
    residual,
    product,
    two_inputs,
    two_chains,
    two_outputs,
    output_on_the_way,
    one_output_twice,
    named_outputs,
    in_training,
]


@pytest.mark.parametrize("make", NO_CHAINS)
def test_no_chain_is_read_as_one(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    complaint = "is used (once|more than once)|is called with"
    with pytest.raises(ValueError, match=complaint):
        fastnn.from_keras(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=complaint):
        fastnn.from_keras(tmp_path / "model.keras")


def used_elsewhere_first() -> Any:
    dense = layers.Dense(4, "tanh")
    dense(keras.Input((4,)))
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2)(dense(inputs)))


def used_elsewhere_afterwards() -> Any:
    inputs, dense = keras.Input((4,)), layers.Dense(4, "tanh")
    hidden = dense(inputs)
    keras.Model(inputs, dense(hidden))
    return keras.Model(inputs, layers.Dense(2)(hidden))


def beginning_in_the_middle() -> Any:
    hidden = layers.Dense(4)(keras.Input((3,)))
    return keras.Model(hidden, layers.Dense(2)(hidden))


@pytest.mark.parametrize("make", [used_elsewhere_first, used_elsewhere_afterwards, beginning_in_the_middle])
def test_a_part_of_other_models(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    net = fastnn.from_keras(model)
    gives_the_same(net, model)
    model.save(tmp_path / "model.keras")
    assert fastnn.from_keras(tmp_path / "model.keras") == net


def relu(x: Any) -> Any:
    return keras.ops.leaky_relu(x, 0.2)


def gelu(x: Any) -> Any:
    return x * keras.ops.sigmoid(1.702 * x)


@pytest.mark.parametrize("function", [relu, gelu])
def test_a_function_that_is_called_like_one_of_keras(function: Callable[[Any], Any]) -> None:
    for part in (layers.Dense(3, function, name="it"), layers.Activation(function, name="it")):
        for model in (sequential(part), sequential(sequential(part))):
            message = f"'it': its activation is {function.__name__} of {__name__}"
            with pytest.raises(ValueError, match=message):
                fastnn.from_keras(model)


def test_a_layer_whose_call_was_replaced() -> None:
    model = sequential(layers.Dense(3))
    call = model.layers[0].call
    model.layers[0].call = lambda x, training=None: 2 * call(x)
    with pytest.raises(ValueError, match="does something else than its layers"):
        fastnn.from_keras(model)


def lists() -> Any:
    inputs = keras.Input((4,))
    return keras.Model([inputs], [layers.Dense(3)(inputs)])


def integers() -> Any:
    return keras.Sequential([keras.Input((4,), dtype="uint8"), layers.Rescaling(1 / 255), layers.Dense(3)])


def of_a_fixed_number() -> Any:
    return keras.Sequential([keras.Input((4,), batch_size=2), layers.Dense(3)])


def of_built_layers() -> Any:
    parts = [layers.Dense(4), layers.Dense(3)]
    sequential(*parts)
    return keras.Sequential(parts)


@pytest.mark.parametrize("make", [lists, integers, of_a_fixed_number, of_built_layers])
def test_other_inputs(make: Callable[[], Any]) -> None:
    model = make()
    assert fastnn.from_keras(model).n_outputs == 3
    assert model.built == (make is not of_built_layers)


def test_features_far_from_zero() -> None:
    norm = layers.Normalization(mean=1e5, variance=1.0)
    fastnn.from_keras(sequential(norm, layers.Dense(9, "relu"), layers.Dense(3, "softmax")))
