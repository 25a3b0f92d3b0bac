"""Keras 3 models, in memory and in files: the same outputs as their own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import needs, output_of, same_bits

import fastnn
from fastnn import ModelFileError

keras = needs("keras")
needs("h5py")
layers = keras.layers

# Keras's own, of its arrays on PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

# Of float64 too: on PyTorch, Keras multiplies matrices of float64 in float32.
LIMIT = 2e-6

# Keras's name, and fastnn's.
FUNCTIONS = {
    "linear": "identity",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "leaky_relu": "leaky_relu(0.2)",
    "softsign": "softsign",
    "hard_sigmoid": "hard_sigmoid",
    "hard_silu": "hard_swish",
    "hard_swish": "hard_swish",
    "hard_tanh": "clip(-1, 1)",
    "relu6": "clip",
    "elu": "elu",
    "celu": "elu",
    "selu": "selu",
    "silu": "silu",
    "swish": "silu",
    "softplus": "softplus",
}
LAYERS = [
    ("relu", lambda: layers.ReLU()),
    ("leaky_relu(0.25)", lambda: layers.ReLU(negative_slope=0.25)),
    ("clip(0, 2)", lambda: layers.ReLU(max_value=2)),
    ("leaky_relu(0.3)", lambda: layers.LeakyReLU()),
    ("leaky_relu(0.1)", lambda: layers.LeakyReLU(0.1)),
    ("softmax", lambda: layers.Softmax()),
    ("softmax", lambda: layers.Softmax(axis=1)),
    ("tanh", lambda: layers.Activation("tanh")),
    ("elu", lambda: layers.ELU()),
    ("elu(0.5)", lambda: layers.ELU(0.5)),
]


@pytest.fixture(autouse=True)
def seeded() -> None:
    keras.utils.set_random_seed(0)


def shuffle(model: Any) -> None:
    """Give every variable, the moving ones too, numbers that show."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "int" not in str(variable.dtype) and "seed" not in variable.path:
            variable.assign(rng.uniform(0.1, 1, variable.shape) * (-1 if "kernel" in variable.path else 1))


def back(net: fastnn.Network) -> None:
    """The network is the same after a way through Keras, whose model gives its outputs."""
    model = net.to_keras()
    assert fastnn.from_keras(model) == net
    x = np.random.default_rng(2).standard_normal((9, net.n_inputs)).astype(net.dtype)
    y = net(x)
    expected = np.asarray(keras.ops.convert_to_numpy(model(x)))
    assert expected.dtype == y.dtype
    assert np.abs(y - expected).max() <= LIMIT * np.abs(y).max()


def agree(model: Any, tmp_path: Path, limit: float = LIMIT, shape: tuple[int, ...] = ()) -> fastnn.Network:
    """The networks of the model and of its file are the same, and give the model's outputs."""
    net = fastnn.from_keras(model)
    path = tmp_path / "model.keras"
    model.save(path)
    assert fastnn.from_keras(path) == fastnn.from_keras(str(path)) == fastnn.open_model(path) == net
    x = 2 * np.random.default_rng(1).standard_normal((40, net.n_inputs)).astype(net.dtype)
    outputs = model(x.reshape(40, *shape) if shape else x, training=False)
    expected = np.asarray(keras.ops.convert_to_numpy(outputs))
    y = net(x)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    scale = np.abs(expected).max()
    assert scale > 0
    assert np.abs(y - expected).max() <= limit * scale
    return net


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Keras in another dtype: of its inputs, and of its layers."""
    inputs, computed = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(inputs)
        keras.config.set_dtype_policy(computed)


def sequential(*parts: Any, n_inputs: int = 6) -> Any:
    return keras.Sequential([keras.Input((n_inputs,)), *parts])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_activation_by_name(tmp_path: Path, function: str, dtype: str) -> None:
    with precision(dtype):
        model = sequential(*[layers.Dense(n, function) for n in (9, 4)])
        net = agree(model, tmp_path)
    assert same_bits(net.layers[0].weight, keras.ops.convert_to_numpy(model.layers[0].kernel).T)
    assert [layer.activation for layer in net.layers] == [FUNCTIONS[function]] * 2
    assert net.dtype == dtype
    back(net)


@pytest.mark.parametrize(("activation", "layer"), LAYERS)
def test_every_activation_as_a_layer(tmp_path: Path, activation: str, layer: Callable[[], Any]) -> None:
    net = agree(sequential(layers.Dense(9), layer(), layers.Dense(4), layer()), tmp_path)
    assert [layer.activation for layer in net.layers] == [activation] * 2
    back(net)
    if activation != "tanh":
        net = agree(sequential(layers.Dense(9, activation=layer())), tmp_path)
        assert [layer.activation for layer in net.layers] == [activation]


class TestLayers:
    @pytest.mark.parametrize("scale", [True, False])
    @pytest.mark.parametrize("center", [True, False])
    @pytest.mark.parametrize("place", range(4))
    def test_batch_normalization(self, tmp_path: Path, place: int, center: bool, scale: bool) -> None:
        parts = [layers.Dense(7, "sigmoid"), layers.Dense(5), layers.Dense(3, "relu")]
        parts.insert(place, layers.BatchNormalization(center=center, scale=scale, epsilon=0.01))
        model = sequential(*parts)
        shuffle(model)
        net = agree(model, tmp_path, 1e-5)
        assert len(net.layers) == (4 if place == 3 else 3)

    @pytest.mark.parametrize("invert", [True, False])
    def test_learnt_normalization(self, tmp_path: Path, invert: bool) -> None:
        norm = layers.Normalization(invert=invert)
        norm.adapt(np.random.default_rng(0).normal(3, [1, 2, 3, 4, 5, 0], (50, 6)).astype("float32"))
        net = fastnn.from_keras(sequential(norm, layers.Dense(4)))
        assert len(net.layers) == 1
        # A feature without deviation is divided by 1e-7: what that makes of roundings isn't compared.
        norm.adapt(np.random.default_rng(0).normal(3, [1, 2, 3, 4, 5, 6], (50, 6)).astype("float32"))
        agree(sequential(norm, layers.Dense(4)), tmp_path, 5e-6)

    @pytest.mark.parametrize(
        ("mean", "variance"),
        [([1.0, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6]), (0.5, 4.0)],
        ids=["list", "scalar"],
    )
    def test_given_normalization(self, tmp_path: Path, mean: Any, variance: Any) -> None:
        norm = layers.Normalization(axis=None if mean == 0.5 else -1, mean=mean, variance=variance)
        agree(sequential(norm, layers.Dense(4)), tmp_path, 5e-6)

    def test_rescaling(self, tmp_path: Path) -> None:
        for scale, offset in ((1 / 255, -0.5), ([1.0, 2, 3, 4, 5, 6], 0.0)):
            model = sequential(layers.Rescaling(scale, offset), layers.Dense(4), layers.Rescaling(2.0, 1))
            assert len(agree(model, tmp_path).layers) == 1
        assert len(agree(sequential(layers.Rescaling(2.0)), tmp_path).layers) == 1

    def test_what_does_nothing(self, tmp_path: Path) -> None:
        parts = [
            layers.Dropout(0.5),
            layers.GaussianNoise(1.0),
            layers.GaussianDropout(0.5),
            layers.Flatten(),
        ]
        parts += [layers.Dense(5, use_bias=False), layers.AlphaDropout(0.5), layers.Identity()]
        parts += [layers.ActivityRegularization(0.1)]
        net = agree(sequential(*parts), tmp_path)
        assert len(net.layers) == 1
        assert net.layers[0].bias is None

    @pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2), (12, 1)], ids=str)
    def test_flattened_examples(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        model = keras.Sequential([keras.Input(shape), layers.Dropout(0.1), layers.Flatten(), layers.Dense(3)])
        assert agree(model, tmp_path, shape=shape).n_inputs == 12

    @pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
    def test_halves(self, tmp_path: Path, policy: str) -> None:
        model = sequential(layers.Dense(9, "relu", dtype=policy), layers.Dense(4, dtype=policy))
        net = fastnn.from_keras(model)
        model.save(tmp_path / "model.keras")
        assert fastnn.from_keras(tmp_path / "model.keras") == net
        assert net.dtype == np.float32
        kernel = np.asarray(keras.ops.convert_to_numpy(model.layers[0].kernel)).astype("float32")
        np.testing.assert_array_equal(net.layers[0].weight, kernel.T)


class TestShapes:
    def test_functional(self, tmp_path: Path) -> None:
        inputs = keras.Input((6,))
        hidden = layers.Dense(8, "tanh", name="z")(inputs)
        hidden = layers.Dropout(0.2)(hidden, training=False)
        for outputs in (layers.Dense(3, name="a")(hidden), [layers.Dense(3, name="b")(hidden)]):
            model = keras.Model(inputs, outputs)
            net = fastnn.from_keras(model)
            model.save(tmp_path / "model.keras")
            assert fastnn.from_keras(tmp_path / "model.keras") == net
            assert [(layer.weight.shape, layer.activation) for layer in net.layers] == [
                ((8, 6), "tanh"),
                ((3, 8), "identity"),
            ]
        agree(keras.Model(inputs, layers.Dense(3)(hidden)), tmp_path)

    def test_models_in_models(self, tmp_path: Path) -> None:
        inputs = keras.Input((6,))
        block = keras.Model(inputs, layers.Dense(5, "relu")(layers.BatchNormalization()(inputs)))
        other = keras.Sequential([layers.Dense(6, "tanh"), layers.Dense(7)])
        middle = keras.Sequential([keras.Input((5,)), other, layers.Dense(6)])
        model = sequential(layers.Dense(6, "sigmoid"), block, middle, layers.Dense(2))
        shuffle(model)
        assert len(agree(model, tmp_path, 1e-5).layers) == 6
        outputs = layers.Dense(2)(middle(block(layers.Dense(6)(inputs))))
        assert len(agree(keras.Model(inputs, outputs), tmp_path, 1e-5).layers) == 6

    def test_built_without_an_input(self, tmp_path: Path) -> None:
        model = keras.Sequential([layers.Dense(5, "relu"), layers.Dense(2)])
        with pytest.raises(
            ValueError, match=r"Dense '.*': it has 0 variables, expected 2: a model must be built"
        ):
            fastnn.from_keras(model)
        model.build((None, 6))
        agree(model, tmp_path)

    def test_not_a_chain(self) -> None:
        inputs = keras.Input((6,))
        dense = layers.Dense(6)
        hidden = dense(inputs)
        models = {
            "outputs are .* of a layer that is used once": keras.Model(inputs, dense(hidden)),
            "of 'r' are .* that is used once": keras.Model(inputs, layers.ReLU(name="r")(dense(hidden))),
            "more than one input": keras.Model(inputs, layers.add([inputs, hidden])),
            "outputs are": keras.Model(inputs, [hidden, layers.Dense(2)(hidden)]),
            "inputs are": keras.Model([inputs, keras.Input((6,))], hidden),
            "is called with": keras.Model(inputs, layers.Dropout(0.5)(hidden, training=True)),
        }
        for message, model in models.items():
            with pytest.raises(ValueError, match=message):
                fastnn.from_keras(model)

    def test_trained_by_keras(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((200, 6)).astype("float32")
        y = (x @ rng.standard_normal(6) > 0).astype(int)
        norm = layers.Normalization()
        norm.adapt(x)
        model = sequential(
            norm, layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dense(2, "softmax")
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=3, verbose=0)
        agree(model, tmp_path, 1e-5)


def mine(x: Any) -> Any:
    return x


def test_what_keras_does_not_have() -> None:
    net = fastnn.Network([fastnn.Dense([[1.0]], activation="clip(-2, 0.5)")])
    with pytest.raises(ValueError, match=r"Keras has no clip\(-2, 0.5\)"):
        net.to_keras()


class Mine(layers.Layer):
    pass


class Dense(layers.Dense):
    """Called as one of Keras's."""


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: layers.Lambda(lambda x: x), "Lambda 'it': fastnn has no equal of it"),
        (lambda: layers.LayerNormalization(name="it"), "LayerNormalization 'it': fastnn has no equal"),
        (lambda: layers.Dense(3, "mish", name="it"), "Dense 'it': its activation is 'mish'"),
        (lambda: layers.Dense(3, lambda x: x, name="it"), "Dense 'it': its activation is {'"),
        (lambda: layers.Dense(3, mine, name="it"), "Dense 'it': its activation is {'"),
        (lambda: Dense(3, name="it"), "Dense 'it' isn't Keras's own: it comes from"),
        (lambda: Mine(name="it"), "Mine 'it' isn't Keras's own"),
    ],
)
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_what_fastnn_cannot_do_is_named(tmp_path: Path, layer: Callable[[], Any], message: str) -> None:
    model = sequential(layers.Dense(4), layer())
    message = message.replace("'it'", "'.*'")
    with pytest.raises(ValueError, match=message):
        fastnn.from_keras(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=message):
        fastnn.from_keras(tmp_path / "model.keras")


def test_anything_else_is_refused(tmp_path: Path) -> None:
    for model in (None, 3, layers.Dense(2), keras.Sequential):
        with pytest.raises(TypeError, match=f"model has type {type(model).__name__}, expected a keras.Model"):
            fastnn.from_keras(model)
    with pytest.raises(FileNotFoundError, match="nothing"):
        fastnn.from_keras(tmp_path / "nothing.keras")


def test_a_file_without_keras(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    sequential(layers.Dense(2)).save(path)
    code = "import sys, fastnn; print(fastnn.open_model(sys.argv[1]).n_inputs, 'keras' in sys.modules)"
    assert output_of(code, str(path)) == "6 False\n"


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK")
    with pytest.raises(ImportError, match=r"Reading a \.keras file needs h5py: pip install h5py"):
        fastnn.from_keras(path)
