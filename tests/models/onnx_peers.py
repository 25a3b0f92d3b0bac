"""Networks from ONNX models beside ONNX Runtime; what is in onnx_models.py comes along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import needs

import fastnn
from fastnn import ModelFileError, Network

onnx, runtime = needs("onnx"), needs("onnxruntime")

from onnx_models import (  # noqa: E402, F401
    POSITIVE,
    WIDE,
    B,
    W,
    X,
    after_gemm,
    helper,
    model_of,
    node,
    normal,
    perceptron,
)

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


def run(model: Any, x: Any, output: str | None = None) -> Any:
    """Return what ONNX Runtime makes of x, in the type that the model takes."""
    data = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return session.run([output or session.get_outputs()[0].name], {given.name: x.astype(TYPES[given.type])})[
        0
    ]


def agree(model: Any, x: Any = X, *, limit: float = 3e-6) -> Network:
    """Return the network, whose outputs are those of ONNX Runtime."""
    net = fastnn.from_onnx(model)
    expected = run(model, x)
    y = net(np.reshape(x, (len(x), -1)))
    np.testing.assert_allclose(y, expected.reshape(y.shape), rtol=limit, atol=limit)
    return net


def refused(model: Any, complaint: str, **options: Any) -> None:
    """Check that a model isn't read, and why."""
    with pytest.raises(ModelFileError, match=complaint):
        fastnn.from_onnx(model, **options)


def activation_of(net: Network) -> str:
    """Return the only layer's activation."""
    (layer,) = net.layers
    assert layer.weight.shape == (3, 4)
    return layer.activation
