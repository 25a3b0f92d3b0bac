# The elementwise activations and their derivatives: a formula each, of z and of what parameters there are.
# The rows of _core/activation_table.py say which formulas there are.


cdef inline vec identity(vec z) noexcept nogil:
    return z


cdef inline vec identity_derivative(vec z) noexcept nogil:
    return v_set1(1)


cdef inline vec relu(vec z) noexcept nogil:
    # NaN stays, and so does -0, as in PyTorch and ONNX Runtime.
    return v_max(v_set1(0), z)


cdef inline vec relu_derivative(vec z) noexcept nogil:
    return v_select(v_lt(v_set1(0), z), v_set1(1), v_set1(0))


cdef inline vec fraction(vec x, vec lower) noexcept nogil:
    # e / (1 + e), e = e^(x + lower), for EXP_NORMAL <= x <= 0. What the roundings of e, of 1 + e and of the
    # quotient left is put back: without it, sigmoid would be off by 2.3 ULP.
    cdef vec e_lower
    cdef vec e = exp_normal(x, lower, &e_lower)
    cdef vec d = v_add(v_set1(1), e)
    cdef vec d_lower = v_add(v_sub(e, v_sub(d, v_set1(1))), e_lower)
    cdef vec reciprocal = v_div(v_set1(1), d)
    cdef vec q = v_mul(e, reciprocal)
    return v_muladd(v_add(v_residual(q, d, e), v_negmuladd(q, d_lower, e_lower)), reciprocal, q)


cdef inline vec sigmoid(vec z) noexcept nogil:
    # e / (1 + e) for z < 0 and 1 less that above, e = e^-|z|: nothing overflows, and small results keep their
    # bits.
    cdef vec x = v_minus_abs(z)
    cdef vec q = fraction(v_max(v_set1(EXP_NORMAL), x), nothing())
    cdef mask tiny = v_lt(x, v_set1(EXP_NORMAL))
    cdef vec lower
    if v_any(tiny):
        q = v_select(tiny, exp_negative(x, v_set1(0), 0, &lower), q)
    return v_select(v_lt(z, v_set1(0)), q, v_sub(v_set1(1), q))


cdef inline vec sigmoid_derivative(vec z) noexcept nogil:
    # s (1 - s) = e / (1 + e)^2, e = e^-|z|: without the cancellation in 1 - s.
    cdef vec rest
    cdef vec e = exp_negative(v_minus_abs(z), v_set1(0), 0, &rest)
    cdef vec d = v_add(v_set1(1), e)
    return v_div(e, v_mul(d, d))


cdef inline vec tanh_interval(vec y) noexcept nogil:
    # A polynomial for each of 16 intervals from 1/16 to 16; float64 would need twice as many terms.
    cdef vec r = v_sub(y, v_lookup(TANH_TABLE[0], y))
    cdef vec value = v_lookup(TANH_TABLE[TANH_ROWS - 1], y)
    cdef int i
    for i in range(TANH_ROWS - 2, 0, -1):
        value = v_muladd(value, r, v_lookup(TANH_TABLE[i], y))
    return value


cdef inline vec tanh_fraction(vec y) noexcept nogil:
    # For y >= 0.625, where the subtraction loses nothing.
    return v_negmuladd(v_set1(2), fraction(v_mul(v_set1(-2), y), nothing()), v_set1(1))


cdef inline vec tanh(vec z) noexcept nogil:
    cdef vec y = v_abs(z)
    cdef vec z2 = v_mul(z, z)
    cdef vec small = v_muladd(v_mul(y, z2), polynomial(TANH_POLY, TANH_TERMS, z2), y)
    cdef vec bounded = v_min(v_set1(TANH_MAX), y)
    cdef vec large = tanh_interval(bounded) if TANH_BY_TABLE else tanh_fraction(bounded)
    return v_copysign(v_select(v_lt(y, v_set1(TANH_SPLIT)), small, large), z)


cdef inline vec tanh_derivative(vec z) noexcept nogil:
    # 1 - tanh^2 = 4 e / (1 + e)^2, e = e^-2|z|: without the cancellation.
    cdef vec y = v_abs(z)
    cdef vec rest
    cdef vec e = exp_negative(v_sub(v_set1(0), v_add(y, y)), v_set1(0), 0, &rest)
    cdef vec d = v_add(v_set1(1), e)
    return v_div(v_mul(v_set1(4), e), v_mul(d, d))


cdef inline vec leaky_relu(vec z, vec slope) noexcept nogil:
    return v_select(v_lt(v_set1(0), z), z, v_mul(slope, z))


cdef inline vec leaky_relu_derivative(vec z, vec slope) noexcept nogil:
    return v_select(v_lt(v_set1(0), z), v_set1(1), slope)


cdef inline vec softsign(vec z) noexcept nogil:
    # Infinity is bounded, or it would be divided by itself.
    cdef vec y = v_min(v_set1(REAL_MAX), v_abs(z))
    return v_copysign(v_div(y, v_add(v_set1(1), y)), z)


cdef inline vec softsign_derivative(vec z) noexcept nogil:
    # Two divisions: a square would overflow where the result is subnormal.
    cdef vec d = v_add(v_set1(1), v_abs(z))
    return v_div(v_div(v_set1(1), d), d)


cdef inline vec hard_sigmoid(vec z, vec alpha, vec beta) noexcept nogil:
    # The product is rounded apart, so that -3 / 6 + 1 / 2 is 0: 1 / 6 isn't exact.
    return clip(v_add(v_mul(alpha, z), beta), v_set1(0), v_set1(1))


cdef inline vec hard_sigmoid_derivative(vec z, vec alpha, vec beta) noexcept nogil:
    return v_mul(alpha, clip_derivative(v_add(v_mul(alpha, z), beta), v_set1(0), v_set1(1)))


cdef inline vec hard_swish(vec z) noexcept nogil:
    cdef vec bounded = v_max(v_set1(-3), z)
    return v_mul(bounded, v_div(v_min(v_set1(6), v_add(bounded, v_set1(3))), v_set1(6)))


cdef inline vec hard_swish_derivative(vec z) noexcept nogil:
    # (2 z + 3) / 6: the sum is exact where it is small.
    cdef vec bounded = v_min(v_set1(3), v_max(v_set1(-3), z))
    cdef vec slope = v_div(v_add(v_add(bounded, bounded), v_set1(3)), v_set1(6))
    slope = v_select(v_eq(bounded, v_set1(-3)), v_set1(0), slope)
    return v_select(v_eq(bounded, v_set1(3)), v_set1(1), slope)


cdef inline vec clip(vec z, vec low, vec high) noexcept nogil:
    # NaN stays, and so does -0 where a bound is 0.
    return v_min(high, v_max(low, z))


cdef inline vec clip_derivative(vec z, vec low, vec high) noexcept nogil:
    return v_select(v_lt(low, z), v_select(v_lt(z, high), v_set1(1), v_set1(0)), v_set1(0))


cdef inline vec elu(vec z, vec alpha) noexcept nogil:
    # Both parts of e^z - 1 are multiplied: its rounding would count double where alpha carries the product
    # past a power of two.
    cdef vec lower
    cdef vec upper = exp_minus_1(v_min(v_set1(0), z), &lower)
    return v_select(v_lt(z, v_set1(0)), v_muladd(alpha, upper, v_mul(alpha, lower)), z)


cdef inline vec elu_derivative(vec z, vec alpha) noexcept nogil:
    return v_select(v_lt(v_set1(0), z), v_set1(1), times_exp(alpha, v_min(v_set1(0), z)))


cdef inline vec selu(vec z) noexcept nogil:
    cdef vec lower
    cdef vec upper = exp_minus_1(v_min(v_set1(0), z), &lower)
    lower = v_muladd(v_set1(SELU_ALPHA_LO), upper, v_mul(v_set1(SELU_ALPHA_HI), lower))
    cdef vec below = v_muladd(v_set1(SELU_ALPHA_HI), upper, lower)
    cdef vec above = v_muladd(v_set1(SELU_HI), z, v_mul(v_set1(SELU_LO), z))
    return v_select(v_lt(z, v_set1(0)), below, above)


cdef inline vec selu_derivative(vec z) noexcept nogil:
    cdef vec slope = times_exp(v_set1(SELU_ALPHA_HI + SELU_ALPHA_LO), v_min(v_set1(0), z))
    return v_select(v_lt(v_set1(0), z), v_set1(SELU_HI + SELU_LO), slope)


cdef inline vec sigmoid_and_rest(vec z, vec *remainder) noexcept nogil:
    # The sigmoid and what its rounding left, for EXP_FAR <= z <= -EXP_FAR: e / (1 + e) for z < 0 and
    # 1 / (1 + e) above that, e = e^-|z|.
    cdef vec e_lower
    cdef vec e = exp_normal(v_max(v_set1(EXP_FAR), v_minus_abs(z)), nothing(), &e_lower)
    cdef vec d = v_add(v_set1(1), e)
    cdef vec d_lower = v_add(v_sub(e, v_sub(d, v_set1(1))), e_lower)
    cdef vec reciprocal = v_div(v_set1(1), d)
    cdef mask below = v_lt(z, v_set1(0))
    cdef vec top = v_select(below, e, v_set1(1))
    cdef vec top_lower = v_select(below, e_lower, v_set1(0))
    cdef vec q = v_mul(top, reciprocal)
    remainder[0] = v_mul(v_add(v_residual(q, d, top), v_negmuladd(q, d_lower, top_lower)), reciprocal)
    return q


cdef inline vec silu(vec z) noexcept nogil:
    # Far from 0 it is z, or z e^z, whose e^z can be subnormal where the product isn't.
    cdef vec s_lower
    cdef vec s = sigmoid_and_rest(z, &s_lower)
    cdef vec value = v_muladd(z, s, v_mul(z, s_lower))
    cdef mask far = v_lt(v_minus_abs(z), v_set1(EXP_FAR))
    cdef vec x
    if v_any(far):
        x = v_min(v_set1(0), v_max(v_set1(EXP_ZERO), z))
        value = v_select(far, v_select(v_lt(z, v_set1(0)), times_exp(x, x), z), value)
    return v_copysign(value, z)     # where it is 0, the second product may have another sign


cdef inline vec silu_derivative(vec z) noexcept nogil:
    # e (1 + e + x) / (1 + e)^2 with x = -|z| and e = e^x for z < 0, and 1 less that above. What the roundings
    # of e and of the sums leave is put back: one of them is 0 at x = -1.278. Far below, it is (1 + z) e^z.
    cdef vec x = v_minus_abs(z)
    cdef vec bounded = v_max(v_set1(EXP_FAR), x)
    cdef vec e_lower, lower, rest
    cdef vec e = exp_normal(bounded, nothing(), &e_lower)
    cdef vec sum = two_sum(two_sum(v_set1(1), bounded, &lower), e, &rest)
    cdef vec d = v_add(v_set1(1), e)
    cdef vec d_lower = v_add(v_sub(e, v_sub(d, v_set1(1))), e_lower)
    sum = v_add(sum, v_add(rest, v_add(lower, e_lower)))
    cdef vec square = v_muladd(d, d, v_mul(v_add(d, d), d_lower))
    cdef vec slope = v_div(v_muladd(e, sum, v_mul(e_lower, sum)), square)
    cdef mask far = v_lt(x, v_set1(EXP_FAR))
    if v_any(far):
        bounded = v_max(v_set1(EXP_ZERO), x)
        slope = v_select(far, times_exp(v_add(v_set1(1), bounded), bounded), slope)
    return v_select(v_lt(z, v_set1(0)), slope, v_sub(v_set1(1), slope))


cdef inline vec softplus(vec z) noexcept nogil:
    # max(z, 0) + log(1 + e) with e = e^-|z|. What the roundings of e and of 1 + e left is put back, so small
    # results keep the digits of e.
    cdef vec e_lower, lower
    cdef vec e = exp_negative(v_minus_abs(z), v_set1(0), 0, &e_lower)
    cdef vec upper = two_sum(v_set1(1), e, &lower)
    return v_add(v_max(v_set1(0), z), log(upper, v_add(lower, e_lower)))


cdef inline vec softplus_derivative(vec z) noexcept nogil:
    return sigmoid(z)


ctypedef void (*rows_kernel)(
    const double *, const real *, real *, Py_ssize_t, Py_ssize_t, Py_ssize_t
) noexcept nogil

include "gelu.pxi"

# A loop for each formula, and ACTIVATE and DIFFERENTIATE, which have them by the activation's number.
include "activation_loops.pxi"


cdef void activate_rows(
    int activation, const double *parameters,
    const real *z, real *out, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t stride
) noexcept nogil:
    if activation != IDENTITY or z != out:
        ACTIVATE[activation](parameters, z, out, n, rows, stride)


cdef void activate(
    int activation, const double *parameters, const real *z, real *out, Py_ssize_t n
) noexcept nogil:
    activate_rows(activation, parameters, z, out, n, 1, n)


cdef void differentiate(
    int activation, const double *parameters, const real *z, real *out, Py_ssize_t n
) noexcept nogil:
    DIFFERENTIATE[activation](parameters, z, out, n, 1, n)
