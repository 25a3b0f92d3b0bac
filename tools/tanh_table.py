"""Print the table of float32 tanh in src/fastnn/_core/kernels/constants.h.

[1/16, 16) is cut into the halves of its binades. Column j belongs to the interval whose floats have j as
their last three exponent bits and first mantissa bit. Row 0 holds a centre c, the others the coefficients of
tanh(c + r), constant first. c lies near the middle, where tanh(c) is so close to a float that its rounding
doesn't count (Gal, "Computing elementary functions: a new approach", 1986). The coefficients are least
squares of the relative error at Chebyshev nodes; each is rounded before the later ones are fitted, so that
they make up for it.
"""

import numpy as np
from groups import group

with group("test"):
    from mpmath import cos, lu_solve, matrix, mp, mpf, pi, tanh

DEGREE = 7
CANDIDATES = 2000
NODES = 40

mp.prec = 120


def rounded(value: mpf) -> mpf:
    """Return the nearest float32."""
    return mpf(float(np.float32(float(value))))


def interval(column: int) -> tuple[mpf, mpf]:
    """Return the interval that a column belongs to."""
    low = mpf(1) / 16
    while True:
        bits = int(np.float32(float(low)).view(np.uint32))
        width = mpf(2) ** (((bits >> 23) & 255) - 127) / 2
        if (bits >> 22) & 15 == column:
            return low, low + width
        low += width


def centre(low: mpf, high: mpf) -> mpf:
    """Return a float32 near the middle whose tanh is close to a float32."""
    middle = rounded((low + high) / 2)
    step = mpf(float(np.spacing(np.float32(float(middle)))))
    candidates = [middle + k * step for k in range(-CANDIDATES, CANDIDATES + 1)]
    return min(candidates, key=lambda c: abs(rounded(tanh(c)) / tanh(c) - 1))


def coefficients(c: mpf, low: mpf, high: mpf) -> list[mpf]:
    """Return the coefficients of tanh(c + r) for r in [low - c, high - c], constant first, each a float32."""
    nodes = [
        (low + high) / 2 - c + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * NODES)) for i in range(NODES)
    ]
    found: list[mpf] = []
    for first in range(DEGREE + 1):
        weights = [1 / tanh(c + r) for r in nodes]
        powers = matrix(
            [[w * r**k for k in range(first, DEGREE + 1)] for r, w in zip(nodes, weights, strict=True)]
        )
        left = matrix([1 - w * polynomial(found, r) for r, w in zip(nodes, weights, strict=True)])
        found.append(rounded(lu_solve(powers, left)[0]))
    return found


def polynomial(p: list[mpf], r: mpf) -> mpf:
    """Return the polynomial's value."""
    return sum((a * r**k for k, a in enumerate(p)), mpf(0))


def main() -> None:
    """Print the table as a C array, and its largest relative error."""
    columns = []
    worst = mpf(0)
    for j in range(16):
        low, high = interval(j)
        c = centre(low, high)
        p = coefficients(c, low, high)
        for i in range(201):
            r = low - c + (high - low) * i / 200
            worst = max(worst, abs(polynomial(p, r) / tanh(c + r) - 1))
        columns.append([c, *p])
    print(f"/* relative error 2^{float(mp.log(worst, 2)):.1f} */")
    print("static const real TANH_TABLE[][16] = {")
    for row in zip(*columns, strict=True):
        values = [f"{float(value).hex()}f" for value in row]
        lines = [", ".join(values[i : i + 4]) for i in range(0, 16, 4)]
        print("    {" + ",\n     ".join(lines) + "},")
    print("};")


if __name__ == "__main__":
    main()
