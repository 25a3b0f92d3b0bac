"""Dense layers of every depth: random parameters, one sign, cancelling pairs, and magnitudes far apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from support import Array, one_layer
from sweep import n_differing

# The reference BLAS's test programs ask for sizes 0 to 9 and 35; the rest is around tiles, chains, blocks.
DEPTHS = (
    *(0, 1, 2, 3, 5, 9, 15, 16, 17, 31, 32, 33, 35, 47, 48, 49, 63, 64, 65, 95, 96, 97, 127, 128, 129, 255),
    *(257, 287, 288, 289, 335, 336, 337, 511, 513, 575, 577, 767, 768, 769, 1000, 1024, 1537, 2048, 3000),
    *(4095, 4096),
)
WIDTHS = (1, 3, 16, 17, 35, 70)
ROWS = 35


class ProductErrors(NamedTuple):
    """The largest error in units of 2^-24 (sum |w| |x| + |b|), where it was seen, and the largest over gamma.

    gamma_n = n u / (1 - n u), u = 2^-24, bounds the error of a sum of n products in any order (Higham, 2002,
    section 3.1); a layer of K inputs has K + 1 of them, the bias being one.
    """

    units: float = 0.0
    depth: int = 0
    kind: str = ""
    gamma: float = 0.0


def layers(depth: int, width: int, seed: int) -> Iterator[tuple[str, Array, Array, Array]]:
    """Yield a kind's name, weight, bias and inputs, in float32."""
    rng = np.random.default_rng([depth, width, seed])
    weight, bias = (width, depth), width
    x = (ROWS, depth)
    kinds = {
        "normal": (rng.standard_normal(weight), rng.standard_normal(bias), rng.standard_normal(x)),
        "one sign": (
            rng.uniform(0.5, 1, weight),
            rng.choice([0, 1, 100, 1000], bias),
            rng.uniform(0.5, 1, x),
        ),
        "cancelling": cancelling(rng, depth, width),
        "magnitudes": (
            rng.standard_normal(weight) * np.exp2(rng.integers(-20, 20, weight)),
            rng.standard_normal(bias),
            rng.standard_normal(x) * np.exp2(rng.integers(-20, 20, x)),
        ),
        "large bias": (rng.standard_normal(weight), 1e6 * rng.standard_normal(bias), rng.standard_normal(x)),
    }
    for kind, arrays in kinds.items():
        w, b, inputs = (a.astype(np.float32) for a in arrays)
        yield kind, w, b, inputs


def cancelling(rng: np.random.Generator, depth: int, width: int) -> tuple[Array, Array, Array]:
    """Return a layer whose second half takes the first half's sum away."""
    half = rng.uniform(0.5, 1, (width, depth // 2))
    weight = np.concatenate([half, np.zeros((width, depth % 2)), -half], axis=1)
    x = rng.uniform(0.5, 1, (ROWS, depth // 2))
    return weight, np.zeros(width), np.concatenate([x, np.ones((ROWS, depth % 2)), x], axis=1)


def sweep_products(
    isas: Sequence[str], seeds: int, advance: Callable[[], object] = lambda: None
) -> tuple[dict[str, ProductErrors], int]:
    """Return the largest errors on every instruction set, over so many layers of each kind.

    And how many results differ between these.
    """
    worst, differing = dict.fromkeys(isas, ProductErrors()), 0
    for depth in DEPTHS:
        gamma = (depth + 1) / (1 - (depth + 1) * 2.0**-24)
        for width, seed in product(WIDTHS, range(seeds)):
            for kind, weight, bias, x in layers(depth, width, seed):
                results = {isa: one_layer(isa, weight, bias)(x, threads=1) for isa in isas}
                differing += n_differing(results)
                for isa, units in units_of(results, weight, bias, x).items():
                    of_gamma = max(worst[isa].gamma, units / gamma)
                    most = max(worst[isa], ProductErrors(units, depth, kind))
                    worst[isa] = most._replace(gamma=of_gamma)
        advance()
    return worst, differing


def units_of(results: Mapping[str, Array], weight: Array, bias: Array, x: Array) -> dict[str, float]:
    """Return the largest error of a layer's results by every instruction set."""
    # A product of two float32 is exact in float64, and 4096 of them add up to within 2^-17 units.
    wide_w, wide_b, wide_x = (a.astype(np.float64) for a in (weight, bias, x))
    expected = wide_x @ wide_w.T + wide_b
    unit = 2.0**-24 * (np.abs(wide_x) @ np.abs(wide_w).T + np.abs(wide_b))
    unit = np.maximum(unit, 2.0**-149)
    errors = {isa: np.abs(got - expected) / unit for isa, got in results.items()}
    return {isa: float(np.where(np.isnan(error), np.inf, error).max()) for isa, error in errors.items()}
