"""The activations and their slopes, each in as few lines as a textbook would take."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from fastnn._core.activation_names import Chosen, parse

Vector = Sequence[float]

# Klambauer, Unterthiner, Mayr & Hochreiter (2017).
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def identity(z: float) -> float:
    """Return `z`: the activation of a layer that has none."""
    return z


def relu(z: float) -> float:
    """Rectified linear unit, max(0, z). NaN stays NaN, and -0.0 stays -0.0.

    Examples
    --------
    >>> relu(-2.5), relu(0.0), relu(3.1)
    (0.0, 0.0, 3.1)
    """
    return 0.0 if z < 0.0 else z


def sigmoid(z: float) -> float:
    """Logistic function, 1 / (1 + exp(-z)).

    Only exp(-abs(z)), which cannot overflow, is ever taken: for negative z the fraction is
    expanded by exp(z).

    Examples
    --------
    >>> [round(sigmoid(z), 3) for z in (-3.0, 0.0, 3.0)]
    [0.047, 0.5, 0.953]
    """
    e = math.exp(-abs(z))
    return e / (1.0 + e) if z < 0.0 else 1.0 / (1.0 + e)


def tanh(z: float) -> float:
    """Hyperbolic tangent, (exp(z) - exp(-z)) / (exp(z) + exp(-z)).

    Examples
    --------
    >>> [round(tanh(z), 3) for z in (-2.0, 0.0, 2.0)]
    [-0.964, 0.0, 0.964]
    """
    return math.tanh(z)


def leaky_relu(z: float, slope: float = 0.01) -> float:
    """Leaky rectified linear unit: z for z > 0, else slope * z.

    Examples
    --------
    >>> leaky_relu(-2.0), leaky_relu(-2.0, 0.5), leaky_relu(2.0)
    (-0.02, -1.0, 2.0)
    """
    return z if z > 0.0 else slope * z


def softsign(z: float) -> float:
    """Softsign, z / (1 + abs(z)); 1 and -1 where z is infinite.

    Examples
    --------
    >>> softsign(-3.0), softsign(0.0), softsign(1.0)
    (-0.75, 0.0, 0.5)
    """
    return math.copysign(1.0, z) if math.isinf(z) else z / (1.0 + abs(z))


def hard_sigmoid(z: float, alpha: float = 1 / 6, beta: float = 0.5) -> float:
    """Logistic function of straight lines, alpha * z + beta between 0 and 1.

    Examples
    --------
    >>> hard_sigmoid(-4.0), hard_sigmoid(1.5), hard_sigmoid(4.0)
    (0.0, 0.75, 1.0)
    """
    return clip(alpha * z + beta, 0.0, 1.0)


def hard_swish(z: float) -> float:
    """Hard swish, z * (z + 3) / 6 between -3 and 3; below it is -0.0, above z.

    Examples
    --------
    >>> hard_swish(-4.0), round(hard_swish(-1.0), 3), hard_swish(4.0)
    (-0.0, -0.333, 4.0)
    """
    bounded = -3.0 if z < -3.0 else z
    return bounded * (clip(bounded + 3.0, 0.0, 6.0) / 6.0)


def clip(z: float, low: float = 0.0, high: float = 6.0) -> float:
    """Bound z from both sides. NaN stays NaN, and -0.0 stays -0.0 where a bound is 0.

    Examples
    --------
    >>> clip(-2.0), clip(3.0), clip(8.0), clip(-2.0, -1.0, 1.0)
    (0.0, 3.0, 6.0, -1.0)
    """
    above = low if low > z else z
    return high if high < above else above


def elu(z: float, alpha: float = 1.0) -> float:
    """Exponential linear unit: z for z > 0, else alpha * (exp(z) - 1).

    Examples
    --------
    >>> round(elu(-1.0), 3), round(elu(-1.0, 0.5), 3), elu(2.0)
    (-0.632, -0.316, 2.0)
    """
    return alpha * math.expm1(z) if z < 0.0 else z


def selu(z: float) -> float:
    """Scaled exponential linear unit, with which activations keep mean 0 and variance 1.

    Examples
    --------
    >>> round(selu(-1.0), 3), selu(0.0), round(selu(2.0), 3)
    (-1.111, 0.0, 2.101)
    """
    return SELU_SCALE * elu(z, SELU_ALPHA)


def silu(z: float) -> float:
    """Sigmoid linear unit, or swish: z * sigmoid(z); -0.0 where z is minus infinity.

    Below 0 it is expanded by exp(z), which is taken in two halves: alone, it could be subnormal
    where the product isn't.

    Examples
    --------
    >>> round(silu(-3.0), 3), silu(0.0), round(silu(3.0), 3)
    (-0.142, 0.0, 2.858)
    """
    if z >= 0.0:
        return z / (1.0 + math.exp(-z))
    half = math.exp(z / 2.0)
    return max(z, -1e4) * half / (1.0 + half * half) * half


def softplus(z: float) -> float:
    """Softplus, log(1 + exp(z)).

    Examples
    --------
    >>> [round(softplus(z), 3) for z in (-3.0, 0.0, 3.0)]
    [0.049, 0.693, 3.049]
    """
    return (0.0 if z < 0.0 else z) + math.log1p(math.exp(-abs(z)))


def gelu(z: float) -> float:
    """Gaussian error linear unit: z times the probability that a normally distributed number is below z.

    Examples
    --------
    >>> f"{gelu(2.0):.4f}"
    '1.9545'
    """
    tail = math.erfc(abs(z) / math.sqrt(2.0)) / 2.0
    below = min(abs(z), 40.0) * tail  # nothing is left of it from there on
    return math.copysign(max(z, 0.0) - below, z)


def gelu_tanh(z: float) -> float:
    """Gaussian error linear unit, `gelu`, with tanh in the place of the error function.

    Examples
    --------
    >>> f"{gelu_tanh(2.0):.4f}"
    '1.9546'
    """
    e = math.exp(-_gelu_tanh_argument(abs(z)))
    return math.copysign(max(z, 0.0) - min(abs(z), 40.0) * e / (1.0 + e), z)


def _gelu_tanh_argument(y: float) -> float:
    """2 sqrt(2 / pi) (y + 0.044715 y**3), for y up to 40, where e to the minus that is 0."""
    y = min(y, 40.0)
    return 2.0 * math.sqrt(2.0 / math.pi) * (y + 0.044715 * y**3)


def softmax(row: Vector) -> list[float]:
    """Turn a row of scores into probabilities, exp(z_i) / sum_j exp(z_j).

    The largest score is subtracted first. That changes no ratio, and no exponential overflows.
    A row that contains NaN or +inf, or nothing but -inf, has no such probabilities: all are NaN.

    Examples
    --------
    >>> [round(p, 5) for p in softmax([0.74, 0.59])]
    [0.53743, 0.46257]
    >>> softmax([1000.0, 1000.0, -1000.0])
    [0.5, 0.5, 0.0]
    """
    largest = max(row, default=0.0)
    exponentials = [math.exp(z - largest) for z in row]
    denominator = total(exponentials)
    return [e / denominator for e in exponentials]


def log_softmax(row: Vector) -> list[float]:
    """Logarithm of `softmax`, finite even where a probability is too small for a float.

    Examples
    --------
    >>> log_softmax([1000.0, 0.0])
    [0.0, -1000.0]
    """
    if not row:
        return []
    largest = max(row)
    log_denominator = math.log(total(math.exp(z - largest) for z in row))
    return [z - largest - log_denominator for z in row]


def total(terms: Iterable[float]) -> float:
    """Add `terms` from left to right, rounding after each."""
    result = 0.0
    for term in terms:
        result += term
    return result


def identity_derivative(z: float) -> float:
    """Slope of `identity`, 1."""
    return 1.0


def relu_derivative(z: float) -> float:
    """Slope of `relu`: 1 for z > 0, else 0; so 0 at 0, by convention, and for NaN."""
    return 1.0 if z > 0.0 else 0.0


def sigmoid_derivative(z: float) -> float:
    """Slope of `sigmoid`, s * (1 - s) with s = sigmoid(z).

    Where s is near 1, 1 - s would cancel. With e = exp(-abs(z)) the product is e / (1 + e)**2,
    which keeps its digits everywhere.

    Examples
    --------
    >>> f"{sigmoid_derivative(100.0):.3e}"
    '3.720e-44'
    """
    e = math.exp(-abs(z))
    return e / (1.0 + e) ** 2


def tanh_derivative(z: float) -> float:
    """Slope of `tanh`, 1 - tanh(z)**2.

    Computed as 4 e / (1 + e)**2 with e = exp(-2 abs(z)), again to keep its digits.

    Examples
    --------
    >>> f"{tanh_derivative(-50.0):.3e}"
    '1.488e-43'
    """
    e = math.exp(-2.0 * abs(z))
    return 4.0 * e / (1.0 + e) ** 2


def leaky_relu_derivative(z: float, slope: float = 0.01) -> float:
    """Slope of `leaky_relu`: 1 for z > 0, else `slope`, by convention also at 0, and for NaN."""
    return 1.0 if z > 0.0 else slope


def softsign_derivative(z: float) -> float:
    """Slope of `softsign`, 1 / (1 + abs(z))**2."""
    return 1.0 / (1.0 + abs(z)) / (1.0 + abs(z))


def hard_sigmoid_derivative(z: float, alpha: float = 1 / 6, beta: float = 0.5) -> float:
    """Slope of `hard_sigmoid`: alpha between the kinks, 0 at them, beyond, and for NaN."""
    return alpha * clip_derivative(alpha * z + beta, 0.0, 1.0)


def hard_swish_derivative(z: float) -> float:
    """Slope of `hard_swish`: z / 3 + 1/2 between -3 and 3; 0 from there down, 1 from there up."""
    if z <= -3.0:
        return 0.0
    return 1.0 if z >= 3.0 else (2.0 * z + 3.0) / 6.0


def clip_derivative(z: float, low: float = 0.0, high: float = 6.0) -> float:
    """Slope of `clip`: 1 between the bounds, 0 at them, beyond, and for NaN."""
    return 1.0 if low < z < high else 0.0


def elu_derivative(z: float, alpha: float = 1.0) -> float:
    """Slope of `elu`: 1 for z > 0, else alpha * exp(z); so alpha at 0, by convention."""
    return 1.0 if z > 0.0 else alpha * math.exp(z)


def selu_derivative(z: float) -> float:
    """Slope of `selu`."""
    return SELU_SCALE * elu_derivative(z, SELU_ALPHA)


def silu_derivative(z: float) -> float:
    """Slope of `silu`, s * (1 + z * (1 - s)) with s = sigmoid(z).

    With e = exp(-abs(z)) it is e * (1 + e - abs(z)) / (1 + e)**2 for z < 0, and 1 less that above.
    """
    half = math.exp(-abs(z) / 2.0)
    e = half * half
    slope = half * (1.0 + e + max(-abs(z), -1e4)) / (1.0 + e) ** 2 * half
    return slope if z < 0.0 else 1.0 - slope


def softplus_derivative(z: float) -> float:
    """Slope of `softplus`, sigmoid(z)."""
    return sigmoid(z)


def gelu_derivative(z: float) -> float:
    """Slope of `gelu`; the slopes at z and at -z add up to 1."""
    y = min(abs(z), 40.0)
    density = math.exp(-y * y / 2.0) / math.sqrt(2.0 * math.pi)
    below = -(y * density - math.erfc(y / math.sqrt(2.0)) / 2.0)
    return 1.0 - below if z > 0.0 else below


def gelu_tanh_derivative(z: float) -> float:
    """Slope of `gelu_tanh`; the slopes at z and at -z add up to 1."""
    y = min(abs(z), 40.0)
    e = math.exp(-_gelu_tanh_argument(y))
    slope = 2.0 * math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * y * y)
    below = e / (1.0 + e) * (1.0 - y * slope / (1.0 + e))
    return 1.0 - below if z > 0.0 else below


def activation_named(name: str) -> Callable[[Vector], list[float]]:
    """Return the activation of that name as a function of a row, with its parameters put in.

    Examples
    --------
    >>> activation_named("leaky_relu(0.5)")([-2.0, 3.0])
    [-1.0, 3.0]
    """
    chosen = parse(name)
    if chosen.row.row_wise:
        row_wise: Callable[[Vector], list[float]] = globals()[chosen.row.name]
        return row_wise
    function = with_parameters(chosen.row.name, chosen)
    return lambda row: [function(z) for z in row]


def derivative_named(name: str) -> Callable[[float], float]:
    """Return the slope of an elementwise activation, with its parameters put in.

    Examples
    --------
    >>> derivative_named("leaky_relu(0.5)")(-2.0)
    0.5
    """
    chosen = parse(name)
    return with_parameters(f"{chosen.row.name}_derivative", chosen)


def with_parameters(function: str, chosen: Chosen) -> Callable[[float], float]:
    """Return the function of that name in this module as one of z alone."""
    labels = (label for label, _ in chosen.row.parameters)
    return partial(globals()[function], **dict(zip(labels, chosen.parameters, strict=True)))
