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


cdef inline vec fraction(vec x) noexcept nogil:
    # e / (1 + e), e = e^x, for EXP_NORMAL <= x <= 0. What the roundings of e, of 1 + e and of the quotient
    # left is put back: without it, sigmoid would be off by 2.3 ULP.
    cdef vec e_lower
    cdef vec e = exp_normal(x, &e_lower)
    cdef vec d = v_add(v_set1(1), e)
    cdef vec d_lower = v_add(v_sub(e, v_sub(d, v_set1(1))), e_lower)
    cdef vec reciprocal = v_div(v_set1(1), d)
    cdef vec q = v_mul(e, reciprocal)
    return v_muladd(v_add(v_residual(q, d, e), v_negmuladd(q, d_lower, e_lower)), reciprocal, q)


cdef inline vec sigmoid(vec z) noexcept nogil:
    # e / (1 + e) for z < 0 and 1 less that above, e = e^-|z|: nothing overflows, and small results keep their
    # bits.
    cdef vec x = v_minus_abs(z)
    cdef vec q = fraction(v_max(v_set1(EXP_NORMAL), x))
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
    return v_negmuladd(v_set1(2), fraction(v_mul(v_set1(-2), y)), v_set1(1))


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


ctypedef void (*rows_kernel)(
    const double *, const real *, real *, Py_ssize_t, Py_ssize_t, Py_ssize_t
) noexcept nogil

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
