# exp, log and sums with a remainder: the same sequence of operations on every instruction set.

cdef extern from "constants.h" nogil:
    real LOG2_E
    real LN2_HI
    real LN2_LO
    real EXP_MIN
    real EXP_NORMAL
    real EXP_ZERO
    real EXP_FAR
    real TANH_MAX
    real TANH_SPLIT
    real SQRT_2
    real SELU_HI
    real SELU_LO
    real SELU_ALPHA_HI
    real SELU_ALPHA_LO
    real REAL_MAX
    real GELU_SHIFT
    real GELU_MAX
    real GELU_TANH_MAX
    real GELU_A_HI
    real GELU_A_LO
    real GELU_B_HI
    real GELU_B_LO
    real INVERSE_ROOT_2_PI
    int SUM_SCALE
    const real EXP_POLY[]
    const real TANH_POLY[]
    const real LOG_POLY[]
    const real GELU_POLY[]
    enum:
        EXP_TERMS
        TANH_TERMS
        LOG_TERMS
        GELU_TERMS
        TANH_ROWS
        TANH_BY_TABLE
    const real TANH_TABLE[][16]


cdef inline vec polynomial(const real *coefficients, int terms, vec x) noexcept nogil:
    cdef vec value = v_set1(coefficients[terms - 1])
    cdef int i
    for i in range(terms - 2, -1, -1):
        value = v_muladd(value, x, v_set1(coefficients[i]))
    return value


cdef inline vec reduced(vec x, vec n) noexcept nogil:
    # x - n log(2), within about log(2) / 2 of 0 for n = x / log(2) rounded. Cody & Waite's reduction (1980):
    # the multiple of log(2) is taken off in two parts, the first exactly.
    return v_negmuladd(n, v_set1(LN2_LO), v_negmuladd(n, v_set1(LN2_HI), x))


cdef inline vec exp_less_1(vec r) noexcept nogil:
    # of a reduced r
    return v_muladd(v_mul(r, r), polynomial(EXP_POLY, EXP_TERMS, r), r)


cdef inline vec exp_negative(vec x, vec lower, int power, vec *remainder) noexcept nogil:
    # 2^power e^(x + lower) for x <= 0, and what its rounding left. The bound is first, so a NaN in x passes.
    cdef vec bounded = v_max(v_set1(EXP_MIN), x)
    cdef vec n = v_sub(v_muladd(bounded, v_set1(LOG2_E), v_set1(ROUNDER)), v_set1(ROUNDER))
    cdef vec p = exp_less_1(v_add(reduced(bounded, n), lower))
    cdef vec e = v_add(v_set1(1), p)
    if power != 0:
        n = v_add(n, v_set1(power))
    remainder[0] = v_scale(v_sub(p, v_sub(e, v_set1(1))), n)
    return v_scale(e, n)


cdef inline vec nothing() noexcept nogil:
    # For a low part: x + -0 is x for every x, and compilers leave the addition out.
    return v_set1(-0.0)


cdef inline vec exp_normal(vec x, vec lower, vec *remainder) noexcept nogil:
    # e^(x + lower) and what its rounding left, for EXP_NORMAL <= x <= 0 (or NaN): nothing leaves the normal
    # range.
    cdef vec shifted = v_muladd(x, v_set1(LOG2_E), v_set1(ROUNDER + EXPONENT_BIAS))
    cdef vec n = v_sub(shifted, v_set1(ROUNDER + EXPONENT_BIAS))
    cdef vec power = v_shift_up(shifted)
    cdef vec p = exp_less_1(v_add(reduced(x, n), lower))
    cdef vec e = v_muladd(power, p, power)
    remainder[0] = v_muladd(power, p, v_sub(power, e))
    return e


cdef inline vec times_exp(vec factor, vec x) noexcept nogil:
    # factor e^x for x <= 0, where e^x alone may be subnormal, or 0: the last of the power comes after the
    # product. The bound is first, so a NaN in x passes.
    cdef vec bounded = v_max(v_set1(EXP_ZERO), x)
    cdef vec n = v_sub(v_muladd(bounded, v_set1(LOG2_E), v_set1(ROUNDER)), v_set1(ROUNDER))
    cdef vec first = v_max(v_set1(1 - EXPONENT_BIAS // 2), n)
    cdef vec p = exp_less_1(reduced(bounded, n))
    cdef vec e = v_add(v_set1(1), p)
    cdef vec lower = v_scale(v_sub(p, v_sub(e, v_set1(1))), first)
    return v_scale(v_muladd(factor, v_scale(e, first), v_mul(factor, lower)), v_sub(n, first))


cdef inline vec exp_minus_1(vec x, vec *remainder) noexcept nogil:
    # e^x - 1 and what its rounding left, for x <= 0: with x = n log(2) + r and p = e^r - 1 = r + t, it is
    # (2^n - 1) + 2^n r + 2^n t, where only the first sum can cancel; its rounding error is kept.
    cdef vec bounded = v_max(v_set1(EXP_NORMAL), x)
    cdef vec shifted = v_muladd(bounded, v_set1(LOG2_E), v_set1(ROUNDER + EXPONENT_BIAS))
    cdef vec n = v_sub(shifted, v_set1(ROUNDER + EXPONENT_BIAS))
    cdef vec power = v_shift_up(shifted)
    cdef vec r = reduced(bounded, n)
    cdef vec t = v_mul(v_mul(r, r), polynomial(EXP_POLY, EXP_TERMS, r))
    cdef vec less = v_sub(power, v_set1(1))
    cdef vec sum = v_muladd(power, r, less)
    remainder[0] = v_muladd(power, t, v_muladd(power, r, v_sub(less, sum)))
    return sum


cdef inline vec two_sum(vec a, vec b, vec *remainder) noexcept nogil:
    # Knuth's: a + b = sum + remainder exactly, whichever is larger.
    cdef vec sum = v_add(a, b)
    cdef vec b_part = v_sub(sum, a)
    remainder[0] = v_add(v_sub(a, v_sub(sum, b_part)), v_sub(b, b_part))
    return sum


cdef inline vec two_difference(vec a, vec b, vec *remainder) noexcept nogil:
    cdef vec difference = v_sub(a, b)
    cdef vec b_part = v_sub(a, difference)
    remainder[0] = v_sub(v_sub(a, v_add(difference, b_part)), v_sub(b, b_part))
    return difference


cdef inline vec log(vec upper, vec lower) noexcept nogil:
    # log(upper + lower), upper >= 1 and lower a remainder of it. With 1 + f in [sqrt(1/2), sqrt(2)] and
    # s = f / (2 + f), log(1 + f) = 2 s + s^3 p(s^2), arranged so that f itself is not rounded (fdlibm, 1993).
    cdef vec n = v_sub(v_exponent_bits(upper), v_set1(EXPONENT_BIAS))
    cdef vec m = v_scale(upper, v_sub(v_set1(0), n))
    cdef mask above = v_lt(v_set1(SQRT_2), m)
    n = v_select(above, v_add(n, v_set1(1)), n)
    m = v_select(above, v_mul(m, v_set1(0.5)), m)
    cdef vec f_lower
    cdef vec f = two_sum(v_sub(m, v_set1(1)), v_scale(lower, v_sub(v_set1(0), n)), &f_lower)
    cdef vec half_square = v_mul(v_mul(f, f), v_set1(0.5))
    cdef vec s = v_div(f, v_add(f, v_set1(2)))
    cdef vec s2 = v_mul(s, s)
    cdef vec tail = v_mul(s2, polynomial(LOG_POLY, LOG_TERMS, s2))
    tail = v_muladd(s, v_add(half_square, tail), v_mul(n, v_set1(LN2_LO)))
    f_lower = v_div(f_lower, v_add(f, v_set1(1)))
    return v_muladd(n, v_set1(LN2_HI), v_sub(f, v_sub(v_sub(half_square, tail), f_lower)))
