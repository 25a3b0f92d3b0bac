"""The activations: one row for each. Kernels, functions, names, docs and tests are all made from these rows.

setup.py loads this file before fastnn is there, so it imports nothing of it. A row's formulas are the two
functions of kernels/activations.pxi with its name, ``<name>`` and ``<name>_derivative``. CONTRIBUTING.md has
the recipe for a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, NamedTuple


class Limits(NamedTuple):
    """How far results may be off over all inputs, in ULP.

    What crosses 0 as a sum of rounded parts has a floor, a power of two: where z is in `crossing` and the
    result smaller than the floor, the unit is the floor's ULP.
    """

    float32: float
    float64: float
    floor: float = 0.0
    crossing: tuple[float, float] = (-inf, inf)


class Example(NamedTuple):
    """Some z, and the activation and its derivative there, rounded to three decimals."""

    z: tuple[float, ...]
    values: tuple[float, ...]
    slopes: tuple[float, ...]


class Peer(NamedTuple):
    """An activation of another library's.

    Attributes
    ----------
    name : str
        What it is called there.
    parameters : tuple of str or float
        For each of our parameters, the peer's attribute, or the number that it stands for.
    required : mapping of str to tuple
        What other attributes may be, the usual value first.
    """

    name: str
    parameters: tuple[str | float, ...] = ()
    required: Mapping[str, tuple[Any, ...]] = {}


class Activation(NamedTuple):
    """One activation.

    Attributes
    ----------
    name : str
        What it is called everywhere; where it has parameters, they may follow in brackets.
    title, formula, derivative : str
        What it is called in a sentence, and how it and its derivative are written; those of whole rows have
        no derivative.
    limits, derivative_limits : Limits
        The largest errors.
    example : Example, optional
        For the docstrings of its public functions; `identity` has none, those of whole rows are written out.
    parameters : tuple of (str, float)
        At most two, each with its default.
    row_wise : bool
        Whether it needs a whole row at once; then its kernels are in kernels/normalize.pxi.
    remarks, derivative_remarks : str
        What else is worth knowing of the results.
    torch, keras_layers : tuple of Peer
        Classes of ``torch.nn`` and ``keras.layers`` that are the same. Of the first that fits, a network is
        written to PyTorch.
    keras, sklearn : tuple of Peer
        Functions of Keras's and scikit-learn's, by their names.
    onnx : tuple of Peer
        Operators of ONNX that are the same.
    """

    name: str
    title: str = ""
    formula: str = ""
    derivative: str = ""
    limits: Limits = Limits(0, 0)
    derivative_limits: Limits = Limits(0, 0)
    example: Example | None = None
    parameters: tuple[tuple[str, float], ...] = ()
    row_wise: bool = False
    remarks: str = ""
    derivative_remarks: str = ""
    torch: tuple[Peer, ...] = ()
    keras: tuple[Peer, ...] = ()
    keras_layers: tuple[Peer, ...] = ()
    sklearn: tuple[Peer, ...] = ()
    onnx: tuple[Peer, ...] = ()


ACTIVATIONS = (
    Activation(
        "identity",
        formula="z",
        derivative="1",
        torch=(Peer("Identity"),),
        keras=(Peer("linear"),),
        sklearn=(Peer("identity"),),
    ),
    Activation(
        "relu",
        title="the rectified linear unit",
        formula="max(0, z)",
        derivative="1 where z > 0, else 0",
        example=Example(z=(-2.5, 0.0, 3.1), values=(0.0, 0.0, 3.1), slopes=(0.0, 0.0, 1.0)),
        remarks="NaN gives NaN, -0 gives -0.",
        derivative_remarks="0 at 0, by convention, and for NaN.",
        torch=(Peer("ReLU"),),
        keras=(Peer("relu"),),
        keras_layers=(Peer("ReLU", (), {"max_value": (None,), "negative_slope": (0,), "threshold": (0,)}),),
        sklearn=(Peer("relu"),),
        onnx=(Peer("Relu"),),
    ),
    Activation(
        "sigmoid",
        title="the logistic function",
        formula="1 / (1 + e^-z)",
        derivative="s (1 - s) with s = sigmoid(z)",
        limits=Limits(1.5, 2.0),
        derivative_limits=Limits(5.0, 5.0),
        example=Example(z=(-3.0, 0.0, 3.0), values=(0.047, 0.5, 0.953), slopes=(0.045, 0.25, 0.045)),
        remarks="In [0, 1], subnormal results included.",
        derivative_remarks="Computed as e / (1 + e)^2, e = e^-|z|, so it keeps its digits where s is near 1.",
        torch=(Peer("Sigmoid"),),
        keras=(Peer("sigmoid"),),
        sklearn=(Peer("logistic"),),
        onnx=(Peer("Sigmoid"),),
    ),
    Activation(
        "tanh",
        title="the hyperbolic tangent",
        formula="(e^z - e^-z) / (e^z + e^-z)",
        derivative="1 - tanh(z)^2",
        limits=Limits(1.0, 1.0),
        derivative_limits=Limits(5.0, 5.0),
        example=Example(z=(-2.0, 0.0, 2.0), values=(-0.964, 0.0, 0.964), slopes=(0.071, 1.0, 0.071)),
        remarks="In [-1, 1], and odd to the last bit.",
        derivative_remarks="Computed as 4 e / (1 + e)^2, e = e^-2|z|, so it keeps its digits far from 0.",
        torch=(Peer("Tanh"),),
        keras=(Peer("tanh"),),
        sklearn=(Peer("tanh"),),
        onnx=(Peer("Tanh"),),
    ),
    Activation(
        "softmax",
        row_wise=True,
        formula="e^z_i / sum_j e^z_j",
        limits=Limits(4.0, 4.0),
        torch=(Peer("Softmax", (), {"dim": (-1, 1, None)}),),
        keras=(Peer("softmax"),),
        keras_layers=(Peer("Softmax", (), {"axis": (-1, 1)}),),
        sklearn=(Peer("softmax"),),
        onnx=(Peer("Softmax", (), {"axis": (-1,)}),),
    ),
    Activation(
        "log_softmax",
        row_wise=True,
        formula="log(softmax(z))",
        limits=Limits(2.0, 3.0),
        torch=(Peer("LogSoftmax", (), {"dim": (-1, 1, None)}),),
        keras=(Peer("log_softmax"),),
        onnx=(Peer("LogSoftmax", (), {"axis": (-1,)}),),
    ),
    Activation(
        "leaky_relu",
        title="the leaky rectified linear unit",
        formula="z where z > 0, else slope z",
        derivative="1 where z > 0, else slope",
        parameters=(("slope", 0.01),),
        limits=Limits(0.5, 0.5),
        example=Example(z=(-2.0, 0.0, 2.0), values=(-0.02, 0.0, 2.0), slopes=(0.01, 0.01, 1.0)),
        derivative_remarks="The slope at 0, by convention, and for NaN.",
        torch=(Peer("LeakyReLU", ("negative_slope",)),),
        keras=(Peer("leaky_relu", (0.2,)),),
        keras_layers=(
            Peer("LeakyReLU", ("negative_slope",)),
            Peer("ReLU", ("negative_slope",), {"max_value": (None,), "threshold": (0,)}),
        ),
        onnx=(Peer("LeakyRelu", ("alpha",)),),
    ),
    Activation(
        "softsign",
        title="softsign",
        formula="z / (1 + |z|)",
        derivative="1 / (1 + |z|)^2",
        limits=Limits(1.5, 1.5),
        derivative_limits=Limits(3.0, 3.0),
        example=Example(z=(-3.0, 0.0, 1.0), values=(-0.75, 0.0, 0.5), slopes=(0.062, 1.0, 0.25)),
        remarks="In [-1, 1], and odd to the last bit.",
        torch=(Peer("Softsign"),),
        keras=(Peer("softsign"),),
        onnx=(Peer("Softsign"),),
    ),
    Activation(
        "hard_sigmoid",
        title="a logistic function of straight lines",
        formula="min(max(alpha z + beta, 0), 1)",
        derivative="alpha where 0 < alpha z + beta < 1, else 0",
        parameters=(("alpha", 1 / 6), ("beta", 0.5)),
        limits=Limits(1.5, 1.5, floor=0.5),
        example=Example(z=(-4.0, 0.0, 1.5), values=(0.0, 0.5, 0.75), slopes=(0.0, 0.167, 0.167)),
        remarks="The limit is that of the default parameters: larger ones have larger roundings.",
        derivative_remarks="0 where alpha z + beta rounds to 0 or 1, and for NaN.",
        torch=(Peer("Hardsigmoid", (1 / 6, 0.5)),),
        keras=(Peer("hard_sigmoid", (1 / 6, 0.5)),),
        onnx=(Peer("HardSigmoid", ("alpha", "beta")),),
    ),
    Activation(
        "hard_swish",
        title="the hard swish",
        formula="z min(max(z / 6 + 1/2, 0), 1)",
        derivative="0 where z <= -3, 1 where z >= 3, else z / 3 + 1/2",
        limits=Limits(2.0, 2.0),
        derivative_limits=Limits(1.0, 1.0),
        example=Example(z=(-4.0, -1.0, 4.0), values=(-0.0, -0.333, 4.0), slopes=(0.0, 0.167, 1.0)),
        remarks="-0 where z <= -3.",
        derivative_remarks="At the kinks, -3 and 3, 0 and 1 by convention.",
        torch=(Peer("Hardswish"),),
        keras=(Peer("hard_swish"), Peer("hard_silu")),
        onnx=(Peer("HardSwish"),),
    ),
    Activation(
        "clip",
        title="z within bounds",
        formula="min(max(z, low), high)",
        derivative="1 where low < z < high, else 0",
        parameters=(("low", 0.0), ("high", 6.0)),
        example=Example(z=(-2.0, 3.0, 8.0), values=(0.0, 3.0, 6.0), slopes=(0.0, 1.0, 0.0)),
        remarks="The defaults are ReLU6. NaN gives NaN; high wins where low > high.",
        derivative_remarks="0 at both bounds, by convention, and for NaN.",
        torch=(Peer("ReLU6", (0.0, 6.0)), Peer("Hardtanh", ("min_val", "max_val"))),
        keras=(Peer("relu6", (0.0, 6.0)), Peer("hard_tanh", (-1.0, 1.0))),
        keras_layers=(Peer("ReLU", (0.0, "max_value"), {"negative_slope": (0,), "threshold": (0,)}),),
    ),
    Activation(
        "elu",
        title="the exponential linear unit",
        formula="z where z > 0, else alpha (e^z - 1)",
        derivative="1 where z > 0, else alpha e^z",
        parameters=(("alpha", 1.0),),
        limits=Limits(2.0, 2.0),
        derivative_limits=Limits(2.0, 2.0),
        example=Example(z=(-1.0, 0.0, 2.0), values=(-0.632, 0.0, 2.0), slopes=(0.368, 1.0, 1.0)),
        remarks="NaN gives NaN, -0 gives -0.",
        derivative_remarks="alpha at 0, by convention.",
        torch=(Peer("ELU", ("alpha",)),),
        keras=(Peer("elu", (1.0,)), Peer("celu", (1.0,))),
        keras_layers=(Peer("ELU", ("alpha",)),),
        onnx=(Peer("Elu", ("alpha",)),),
    ),
    Activation(
        "selu",
        title="the scaled exponential linear unit",
        formula="1.0507009873554805 z where z > 0, else 1.7580993408473768 (e^z - 1)",
        derivative="1.0507009873554805 where z > 0, else 1.7580993408473768 e^z",
        limits=Limits(2.0, 2.0),
        derivative_limits=Limits(2.0, 2.0),
        example=Example(z=(-1.0, 0.0, 2.0), values=(-1.111, 0.0, 2.101), slopes=(0.647, 1.758, 1.051)),
        remarks="The constants have more digits than are written here. NaN gives NaN, -0 gives -0.",
        derivative_remarks="1.758 at 0, by convention.",
        torch=(Peer("SELU"),),
        keras=(Peer("selu"),),
        onnx=(Peer("Selu"),),
    ),
    Activation(
        "silu",
        title="the sigmoid linear unit, or swish",
        formula="z / (1 + e^-z)",
        derivative="s (1 + z (1 - s)) with s = sigmoid(z)",
        limits=Limits(2.0, 2.0),
        derivative_limits=Limits(5.0, 5.0, floor=2.0**-8, crossing=(-2.0, -1.0)),
        example=Example(z=(-3.0, 0.0, 3.0), values=(-0.142, 0.0, 2.858), slopes=(-0.088, 0.5, 1.088)),
        remarks="Subnormal results included; -0 at -inf.",
        derivative_remarks="It is 0 at -1.278.",
        torch=(Peer("SiLU"),),
        keras=(Peer("silu"), Peer("swish")),
    ),
    Activation(
        "softplus",
        title="softplus",
        formula="log(1 + e^z)",
        derivative="sigmoid(z)",
        limits=Limits(2.0, 2.0),
        derivative_limits=Limits(1.5, 2.0),
        example=Example(z=(-3.0, 0.0, 3.0), values=(0.049, 0.693, 3.049), slopes=(0.047, 0.5, 0.953)),
        remarks="Subnormal results included.",
        torch=(Peer("Softplus", (), {"beta": (1.0,), "threshold": (20.0,)}),),
        keras=(Peer("softplus"),),
        onnx=(Peer("Softplus"),),
    ),
    Activation(
        "gelu",
        title="the Gaussian error linear unit",
        formula="z P(z), P(z) = (1 + erf(z / sqrt(2))) / 2",
        derivative="P(z) + z p(z), p(z) = e^(-z^2 / 2) / sqrt(2 pi)",
        limits=Limits(3.5, 4.0),
        derivative_limits=Limits(5.0, 5.0, floor=0.25, crossing=(-2.0, 0.0)),
        example=Example(z=(-2.0, 0.0, 2.0), values=(-0.046, 0.0, 1.954), slopes=(-0.085, 0.5, 1.085)),
        remarks="Subnormal results included; -0 at -inf.",
        derivative_remarks="It is 0 at -0.752.",
        torch=(Peer("GELU", (), {"approximate": ("none",)}),),
        keras=(Peer("gelu"),),
        onnx=(Peer("Gelu", (), {"approximate": ("none",)}),),
    ),
    Activation(
        "gelu_tanh",
        title="the Gaussian error linear unit by tanh",
        formula="z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2",
        derivative="s (1 + z (1 - s) u'), s = 1 / (1 + e^-u), u = 2 sqrt(2 / pi) (z + 0.044715 z^3)",
        limits=Limits(2.0, 2.5),
        derivative_limits=Limits(5.5, 5.0, floor=0.25, crossing=(-2.0, 0.0)),
        example=Example(z=(-2.0, 0.0, 2.0), values=(-0.045, 0.0, 1.955), slopes=(-0.086, 0.5, 1.086)),
        remarks="Subnormal results included; -0 at -inf.",
        derivative_remarks="It is 0 at -0.753.",
        torch=(Peer("GELU", (), {"approximate": ("tanh",)}),),
        onnx=(Peer("Gelu", (), {"approximate": ("tanh",)}),),
    ),
)
