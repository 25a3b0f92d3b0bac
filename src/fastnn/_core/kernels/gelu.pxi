# The Gaussian error linear units, z P(z) with the normal distribution's P or a logistic function near it.
# Both are max(z, 0) - t, t = |z| P(-|z|), since P(z) = 1 - P(-z). Where the exponential in t isn't normal, t
# is computed 2^SUM_SCALE times as large.


cdef inline vec gaussian_argument(vec y, vec *lower) noexcept nogil:
    # -y^2 / 2 and what its rounding left: without it, e to that power would be off by as many ULP as y^2 / 2.
    cdef vec half = v_mul(v_set1(0.5), y)
    cdef vec square = v_mul(half, y)
    lower[0] = v_residual(half, y, square)
    return v_sub(v_set1(0), square)


cdef inline vec gelu_tail(vec r, vec *lower) noexcept nogil:
    # (y + GELU_SHIFT) e^(y^2 / 2) P(-y) for r = y / (y + GELU_SHIFT), and what its last rounding left: smooth
    # enough in 2 r - 1 for one polynomial (Shepherd & Laframboise, 1981).
    cdef vec w = v_sub(v_add(r, r), v_set1(1))
    cdef vec rest = polynomial(GELU_POLY + 1, GELU_TERMS - 1, w)
    cdef vec p = v_muladd(rest, w, v_set1(GELU_POLY[0]))
    lower[0] = v_residual(rest, w, v_sub(p, v_set1(GELU_POLY[0])))
    return p


cdef inline vec gelu(vec z) noexcept nogil:
    cdef vec y = v_min(v_set1(GELU_MAX), v_abs(z))
    cdef vec lower, rest
    cdef vec r = v_div(y, v_add(y, v_set1(GELU_SHIFT)))
    cdef vec p_lower
    cdef vec p = gelu_tail(r, &p_lower)
    cdef vec factor = v_mul(r, p)
    cdef vec x = gaussian_argument(y, &lower)
    cdef vec e = exp_negative(x, lower, 0, &rest)
    rest = v_negmuladd(v_muladd(r, p_lower, v_residual(r, p, factor)), e, v_mul(rest, factor))
    cdef vec t = v_muladd(e, factor, rest)
    cdef mask tiny = v_lt(x, v_set1(EXP_NORMAL))
    if v_any(tiny):
        e = exp_negative(x, lower, SUM_SCALE, &rest)
        t = v_select(tiny, v_scale(v_mul(e, factor), v_set1(-SUM_SCALE)), t)
    return v_sub(v_max(v_set1(-0.0), z), t)


cdef inline vec gelu_derivative(vec z) noexcept nogil:
    # P(z) + z p(z), p(y) = e^(-y^2 / 2) / sqrt(2 pi); the slopes at z and at -z add up to 1.
    cdef vec y = v_min(v_set1(GELU_MAX), v_abs(z))
    cdef vec lower, rest
    cdef vec reciprocal = v_div(v_set1(1), v_add(y, v_set1(GELU_SHIFT)))
    cdef vec ratio = v_mul(reciprocal, gelu_tail(v_mul(y, reciprocal), &rest))
    cdef vec factor = v_negmuladd(v_set1(INVERSE_ROOT_2_PI), y, ratio)
    cdef vec x = gaussian_argument(y, &lower)
    cdef vec e = exp_negative(x, lower, 0, &rest)
    cdef vec slope = v_muladd(e, factor, v_mul(rest, factor))
    cdef mask tiny = v_lt(x, v_set1(EXP_NORMAL))
    if v_any(tiny):
        e = exp_negative(x, lower, SUM_SCALE, &rest)
        slope = v_select(tiny, v_scale(v_mul(e, factor), v_set1(-SUM_SCALE)), slope)
    return v_select(v_lt(z, v_set1(0)), slope, v_sub(v_set1(1), slope))


cdef inline vec gelu_tanh_argument(vec y, vec *lower) noexcept nogil:
    # u = 2 sqrt(2 / pi) (y + 0.044715 y^3) = y (A + B y^2), and what its rounding left, which in e^u would be
    # u times as large.
    cdef vec square = v_mul(y, y)
    cdef vec square_lower = v_sub(v_set1(0), v_residual(y, y, square))
    cdef vec product = v_mul(v_set1(GELU_B_HI), square)
    cdef vec product_lower = v_muladd(v_set1(GELU_B_LO), square, v_mul(v_set1(GELU_B_HI), square_lower))
    product_lower = v_sub(product_lower, v_residual(v_set1(GELU_B_HI), square, product))
    cdef vec sum_lower
    cdef vec sum = two_sum(v_set1(GELU_A_HI), product, &sum_lower)
    sum_lower = v_add(sum_lower, v_add(product_lower, v_set1(GELU_A_LO)))
    cdef vec u = v_mul(y, sum)
    lower[0] = v_sub(v_mul(y, sum_lower), v_residual(y, sum, u))
    return u


cdef inline vec gelu_tanh(vec z) noexcept nogil:
    # (1 + tanh(u / 2)) / 2 is sigmoid(u), so t = y q, q = sigmoid(-u).
    cdef vec y = v_min(v_set1(GELU_TANH_MAX), v_abs(z))
    cdef vec lower, rest
    cdef vec x = v_sub(v_set1(0), gelu_tanh_argument(y, &lower))
    lower = v_sub(v_set1(0), lower)
    cdef vec t = v_mul(y, fraction(v_max(v_set1(EXP_NORMAL), x), lower))
    cdef mask tiny = v_lt(x, v_set1(EXP_NORMAL))
    if v_any(tiny):
        rest = v_mul(y, exp_negative(x, lower, SUM_SCALE, &rest))
        t = v_select(tiny, v_scale(rest, v_set1(-SUM_SCALE)), t)
    return v_sub(v_max(v_set1(-0.0), z), t)


cdef inline vec gelu_tanh_derivative(vec z) noexcept nogil:
    # s (1 + z (1 - s) u'), s = sigmoid(u), u' = A + 3 B z^2; as for gelu, from the slope at -|z|.
    cdef vec y = v_min(v_set1(GELU_TANH_MAX), v_abs(z))
    cdef vec lower, rest
    cdef vec x = v_sub(v_set1(0), gelu_tanh_argument(y, &lower))
    lower = v_sub(v_set1(0), lower)
    cdef vec q = fraction(v_max(v_set1(EXP_NORMAL), x), lower)
    cdef vec y_slope = v_mul(y, v_muladd(v_set1(3 * GELU_B_HI), v_mul(y, y), v_set1(GELU_A_HI)))
    cdef vec factor = v_negmuladd(y_slope, v_sub(v_set1(1), q), v_set1(1))
    cdef vec slope = v_mul(q, factor)
    cdef mask tiny = v_lt(x, v_set1(EXP_NORMAL))
    if v_any(tiny):
        q = v_mul(factor, exp_negative(x, lower, SUM_SCALE, &rest))
        slope = v_select(tiny, v_scale(q, v_set1(-SUM_SCALE)), slope)
    return v_select(v_lt(z, v_set1(0)), slope, v_sub(v_set1(1), slope))
