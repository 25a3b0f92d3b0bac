# The Gaussian error linear units: z P(z), P the normal distribution's or a logistic function near it. Both
# are max(z, 0) - t, t = |z| P(-|z|), since P(z) = 1 - P(-z). Until the end, t is multiplied by 2^SUM_SCALE:
# it is normal where the exponential in it isn't.


cdef inline vec unit_of(vec z, vec scaled) noexcept nogil:
    # max(z, 0) - t, with the sign of z.
    cdef vec t = v_scale(scaled, v_set1(-SUM_SCALE))
    return v_copysign(v_sub(v_max(v_set1(0), z), t), z)


cdef inline vec slope_of(vec z, vec below) noexcept nogil:
    # `below` is the slope at -|z|; those at z and at -z add up to 1.
    return v_select(v_lt(v_set1(0), z), v_sub(v_set1(1), below), below)


cdef inline vec gaussian(vec y, int power, vec *remainder) noexcept nogil:
    # 2^power e^(-y^2 / 2), from the exact square.
    cdef vec half = v_mul(v_set1(0.5), y)
    cdef vec square = v_mul(half, y)
    return exp_negative(v_sub(v_set1(0), square), v_residual(half, y, square), power, remainder)


cdef inline vec gelu_ratio(vec y) noexcept nogil:
    # r = y / (y + k), nearly rounded once; 2 r - 1 = (y - k) / (y + k).
    cdef vec lower
    cdef vec sum = two_sum(y, v_set1(GELU_SHIFT), &lower)
    cdef vec r = v_div(y, sum)
    return v_add(r, v_div(v_negmuladd(r, lower, v_residual(r, sum, y)), sum))


cdef inline vec gelu_tail(vec r) noexcept nogil:
    # (y + k) e^(y^2 / 2) P(-y), smooth enough in 2 r - 1 for one polynomial (Shepherd & Laframboise, 1981).
    return polynomial(GELU_POLY, GELU_TERMS, v_sub(v_add(r, r), v_set1(1)))


cdef inline vec gelu(vec z) noexcept nogil:
    cdef vec y = v_min(v_set1(GELU_MAX), v_abs(z))
    cdef vec e_lower
    cdef vec e = gaussian(y, SUM_SCALE, &e_lower)
    cdef vec r = gelu_ratio(y)
    cdef vec factor = v_mul(r, gelu_tail(r))
    return unit_of(z, v_muladd(factor, e, v_mul(factor, e_lower)))


cdef inline vec gelu_derivative(vec z) noexcept nogil:
    # P(z) + z p(z), p(y) = e^(-y^2 / 2) / sqrt(2 pi).
    cdef vec y = v_min(v_set1(GELU_MAX), v_abs(z))
    cdef vec e_lower
    cdef vec e = gaussian(y, 0, &e_lower)
    cdef vec r = gelu_ratio(y)
    cdef vec p = v_mul(gelu_tail(r), v_mul(v_sub(v_set1(1), r), v_set1(1 / GELU_SHIFT)))
    return slope_of(z, v_mul(e, v_negmuladd(v_set1(INVERSE_ROOT_2_PI), y, p)))


cdef inline vec gelu_tanh_argument(vec y, vec *lower) noexcept nogil:
    # u = 2 sqrt(2 / pi) (y + 0.044715 y^3) = y (A + B y^2), and what its rounding left, which is u times as
    # large in e^u.
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
    cdef vec y = v_min(v_set1(GELU_TANH_MAX), v_abs(z))
    cdef vec lower, e_lower
    cdef vec u = gelu_tanh_argument(y, &lower)
    cdef vec zero = v_set1(0)
    cdef vec scaled = exp_negative(v_sub(zero, u), v_sub(zero, lower), SUM_SCALE, &e_lower)
    cdef vec e = v_scale(scaled, v_set1(-SUM_SCALE))
    cdef vec d = v_add(v_set1(1), e)
    cdef vec d_lower = v_sub(e, v_sub(d, v_set1(1)))
    cdef vec r = v_div(y, d)
    r = v_add(r, v_div(v_negmuladd(r, d_lower, v_residual(r, d, y)), d))
    return unit_of(z, v_muladd(r, scaled, v_mul(r, e_lower)))


cdef inline vec gelu_tanh_derivative(vec z) noexcept nogil:
    # s (1 + z (1 - s) u') with s = 1 / (1 + e^-u), u' = A + 3 B z^2.
    cdef vec y = v_min(v_set1(GELU_TANH_MAX), v_abs(z))
    cdef vec lower, e_lower
    cdef vec u = gelu_tanh_argument(y, &lower)
    cdef vec zero = v_set1(0)
    cdef vec e = exp_negative(v_sub(zero, u), v_sub(zero, lower), 0, &e_lower)
    cdef vec d = v_add(v_set1(1), e)
    cdef vec slope = v_muladd(v_set1(3 * GELU_B_HI), v_mul(y, y), v_set1(GELU_A_HI))
    cdef vec rest = v_sub(v_set1(1), v_div(v_mul(y, slope), d))
    return slope_of(z, v_mul(v_div(e, d), rest))
