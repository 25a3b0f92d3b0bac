# The elementwise activations and their derivatives: a formula each, and a line each in the three
# tables below.


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


cdef inline vec activation_of(int activation, vec z) noexcept nogil:
    if activation == RELU:
        return relu(z)
    elif activation == SIGMOID:
        return sigmoid(z)
    elif activation == TANH:
        return tanh(z)
    return z


cdef inline vec derivative_of(int activation, vec z) noexcept nogil:
    if activation == RELU:
        return relu_derivative(z)
    elif activation == SIGMOID:
        return sigmoid_derivative(z)
    elif activation == TANH:
        return tanh_derivative(z)
    return v_set1(1)


cdef inline void activate_as(
    int activation, const real *z, real *out, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t stride
) noexcept nogil:
    # activation is a literal where this is called, and not asked for again in the loops.
    cdef Py_ssize_t i, row
    cdef vec a
    for row in range(rows):
        i = 0
        while i + LANES <= n:
            v_store(out + i, activation_of(activation, v_load(z + i)))
            i += LANES
        if i < n:
            a = activation_of(activation, v_load_part(z + i, n - i, v_set1(0)))
            v_store_part(out + i, a, n - i)
        z += stride
        out += stride


cdef void activate_rows(
    int activation, const real *z, real *out, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t stride
) noexcept nogil:
    if activation == RELU:
        activate_as(RELU, z, out, n, rows, stride)
    elif activation == SIGMOID:
        activate_as(SIGMOID, z, out, n, rows, stride)
    elif activation == TANH:
        activate_as(TANH, z, out, n, rows, stride)
    elif z != out:
        activate_as(IDENTITY, z, out, n, rows, stride)


cdef void activate(int activation, const real *z, real *out, Py_ssize_t n) noexcept nogil:
    activate_rows(activation, z, out, n, 1, n)


cdef void differentiate(int activation, const real *z, real *out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i + LANES <= n:
        v_store(out + i, derivative_of(activation, v_load(z + i)))
        i += LANES
    if i < n:
        v_store_part(out + i, derivative_of(activation, v_load_part(z + i, n - i, v_set1(0))), n - i)
