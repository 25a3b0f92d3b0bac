"""PyTorch's modules as its two exporters write them: what their own forward pass gives."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import numpy as np
import pytest
from support import needs

import fastnn
from fastnn import Network

onnx, torch = needs("onnx"), needs("torch")
nn = torch.nn

LIMITS = {torch.float32: 5e-6, torch.float64: 1e-12}

ACTIVATIONS: dict[str, tuple[Any, str]] = {
    "relu": (nn.ReLU(), "relu"),
    "sigmoid": (nn.Sigmoid(), "sigmoid"),
    "tanh": (nn.Tanh(), "tanh"),
    "leaky_relu": (nn.LeakyReLU(0.2), "leaky_relu(0.2)"),
    "prelu": (nn.PReLU(), "leaky_relu(0.25)"),
    "elu": (nn.ELU(0.7), "elu(0.7)"),
    "celu": (nn.CELU(), "elu"),
    "selu": (nn.SELU(), "selu"),
    "gelu": (nn.GELU(), "gelu"),
    "gelu by tanh": (nn.GELU(approximate="tanh"), "gelu_tanh"),
    "silu": (nn.SiLU(), "silu"),
    "softplus": (nn.Softplus(), "softplus"),
    "softplus of 2": (nn.Softplus(beta=2.0), "softplus"),
    "softsign": (nn.Softsign(), "softsign"),
    "hardsigmoid": (nn.Hardsigmoid(), "hard_sigmoid"),
    "hardswish": (nn.Hardswish(), "hard_swish"),
    "relu6": (nn.ReLU6(), "clip"),
    "hardtanh": (nn.Hardtanh(-0.5, 0.7), "clip(-0.5, 0.7)"),
    "softmax": (nn.Softmax(dim=-1), "softmax"),
    "log_softmax": (nn.LogSoftmax(dim=1), "log_softmax"),
}
IN_FLOAT64 = [name for name in ACTIVATIONS if name != "prelu"]  # whose slope the exporter makes float32


class Viewed(nn.Module):  # type: ignore[misc]
    """What is flattened by view, and computed by functions rather than modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 7), nn.Linear(7, 3, bias=False)

    def forward(self, x: Any) -> Any:
        """Return logarithms of probabilities."""
        hidden = torch.relu(self.first(x.view(x.size(0), -1)))
        return torch.log_softmax(2.0 * self.second(hidden) + 1.0, dim=1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def exported(module: Any, x: Any, opset: int, **options: Any) -> Any:
    """Return the model that the older exporter writes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and says so
        torch.onnx.export(
            module.eval(), (x,), file, opset_version=opset, dynamo=False, input_names=["x"], **options
        )
    return onnx.load_from_string(file.getvalue())


def exported_anew(module: Any, x: Any) -> Any:
    """Return the model that the newer exporter writes."""
    needs("onnxscript")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.onnx.export(module.eval(), (x,), dynamo=True, verbose=False).model_proto


def agree(module: Any, model: Any, shape: tuple[int, ...], dtype: Any) -> Network:
    """The network's outputs are those of the module."""
    net = fastnn.from_onnx(model)
    assert net.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    x = 3 * torch.randn(50, *shape, dtype=dtype)
    with torch.no_grad():
        expected = module(x).numpy()
    y = net(x.numpy().reshape(50, -1))
    np.testing.assert_allclose(y, expected, rtol=LIMITS[dtype], atol=LIMITS[dtype] * np.abs(expected).max())
    return net


def of(*modules: Any, dtype: Any = torch.float32) -> Any:
    return nn.Sequential(*modules).to(dtype)


def trained(module: Any) -> Any:
    """Return the module with statistics as batch normalisation has them after some batches."""
    module.train()
    for _ in range(5):
        module(torch.randn(20, *EXAMPLE) * 2 + 1)
    return module.eval()


EXAMPLE = (2, 2, 3)


@pytest.mark.parametrize("opset", [11, 14, 17, 20])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name: str, opset: int) -> None:
    activation, expected = ACTIVATIONS[name]
    module = of(nn.Linear(5, 6), activation, nn.Linear(6, 4))
    if (name, opset) == ("celu", 11):
        return
    net = agree(module, exported(module, torch.randn(2, 5), opset), (5,), torch.float32)
    assert [layer.activation for layer in net.layers] == [expected, "identity"]
    if name != "softplus of 2":
        np.testing.assert_array_equal(net.layers[0].weight, module[0].weight.detach().numpy())
        np.testing.assert_array_equal(net.layers[1].weight, module[2].weight.detach().numpy())


@pytest.mark.parametrize("name", IN_FLOAT64)
def test_every_activation_in_float64(name: str) -> None:
    activation, expected = ACTIVATIONS[name]
    module = of(nn.Linear(5, 6), activation, nn.Linear(6, 4), dtype=torch.float64)
    net = agree(module, exported(module, torch.randn(2, 5, dtype=torch.float64), 17), (5,), torch.float64)
    assert [layer.activation for layer in net.layers] == [expected, "identity"]


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("folded", [True, False])
def test_batch_norm_dropout_flatten(opset: int, folded: bool) -> None:
    module = trained(
        of(
            nn.Flatten(),
            nn.BatchNorm1d(12),
            nn.Linear(12, 7, bias=False),
            nn.ReLU(),
            nn.BatchNorm1d(7),
            nn.Dropout(),
            nn.Linear(7, 6),
            nn.BatchNorm1d(6, affine=False),
            nn.Tanh(),
            nn.Identity(),
            nn.Linear(6, 3),
            nn.Softmax(dim=1),
        )
    )
    model = exported(module, torch.randn(2, *EXAMPLE), opset, do_constant_folding=folded)
    net = agree(module, model, EXAMPLE, torch.float32)
    assert [layer.activation for layer in net.layers] == ["relu", "tanh", "softmax"]


@pytest.mark.parametrize("axes", [None, {"x": {0: "N"}}], ids=["fixed", "dynamic"])
@pytest.mark.parametrize("opset", [11, 17])
def test_view(opset: int, axes: Any) -> None:
    module = Viewed()
    model = exported(module, torch.randn(2, *EXAMPLE), opset, dynamic_axes=axes)
    net = agree(module, model, EXAMPLE, torch.float32)
    assert [layer.activation for layer in net.layers] == ["relu", "log_softmax"]


def test_one_example() -> None:
    module = of(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4))
    net = fastnn.from_onnx(exported(module, torch.randn(5), 17))
    x = torch.randn(5)
    with torch.no_grad():
        np.testing.assert_allclose(net(x.numpy()), module(x).numpy(), rtol=1e-5, atol=1e-6)


def test_every_activation_of_the_newer_exporter() -> None:
    modules, names = zip(*ACTIVATIONS.values(), strict=True)
    layers = [part for module in modules for part in (nn.Linear(8, 8), module)]
    module = of(*layers, nn.Linear(8, 3))
    net = agree(module, exported_anew(module, torch.randn(2, 8)), (8,), torch.float32)
    assert [layer.activation for layer in net.layers] == [*names, "identity"]


def test_the_rest_of_the_newer_exporter() -> None:
    module = trained(
        of(
            nn.Flatten(),
            nn.BatchNorm1d(12),
            nn.Linear(12, 12),
            nn.Dropout(),
            nn.ReLU(),
            nn.BatchNorm1d(12),
            Viewed(),
        )
    )
    net = agree(module, exported_anew(module, torch.randn(2, *EXAMPLE)), EXAMPLE, torch.float32)
    assert [layer.activation for layer in net.layers] == ["relu", "relu", "log_softmax"]
