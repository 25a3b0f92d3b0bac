# Softmax and log-softmax of z over a row of n, along the lanes (a row in memory) or across them (each lane a
# row, as in the columns of a narrow network). Both do the same operations on each element.
#
# With d = z - max and e = e^d, softmax is e / sum(e) and log-softmax d - log(sum(e)). The sum is 16
# interleaved sums, element j in sum j mod 16, joined by halves; each carries its rounding errors along, and
# counts the maxima (e = 1) apart, so that near 0 log-softmax sees what little is left above 1. A NaN, a +inf
# or a row of -inf makes some d NaN, and so the whole row.

ctypedef struct exp_sum:
    vec ones
    vec rest                    # times 2^SUM_SCALE for log-softmax, as remainder
    vec remainder


cdef inline void start_sum(exp_sum *sum, vec d, vec e, vec e_lower) noexcept nogil:
    cdef mask is_max = v_eq(d, v_set1(0))
    sum.ones = v_select(is_max, v_set1(1), v_set1(0))
    sum.rest = v_select(is_max, v_set1(0), e)
    sum.remainder = e_lower     # 0 where e is 1


cdef inline void add_exp(exp_sum *sum, vec d, vec e, vec e_lower) noexcept nogil:
    cdef exp_sum one
    start_sum(&one, d, e, e_lower)
    add_sum(sum, &one)


cdef inline void add_sum(exp_sum *sum, const exp_sum *other) noexcept nogil:
    cdef vec remainder
    sum.ones = v_add(sum.ones, other.ones)
    sum.rest = two_sum(sum.rest, other.rest, &remainder)
    sum.remainder = v_add(v_add(sum.remainder, other.remainder), remainder)


cdef inline void join_sums(exp_sum *sums, Py_ssize_t count) noexcept nogil:
    # Into sums[0]; those from `count` on are zero, and left out.
    cdef Py_ssize_t half = VIRTUAL_LANES // 2
    cdef Py_ssize_t i
    while half > 0:
        for i in range(min(count - half, half)):
            add_sum(&sums[i], &sums[i + half])
        half = half // 2


cdef inline vec divisor(int activation, exp_sum *sum) noexcept nogil:
    # What a row's e is divided by, or its d lessened by.
    cdef vec upper, lower
    if activation == LOG_SOFTMAX:
        sum.rest = v_scale(sum.rest, v_set1(-SUM_SCALE))
        sum.remainder = v_scale(sum.remainder, v_set1(-SUM_SCALE))
    upper = two_sum(sum.ones, sum.rest, &lower)
    lower = v_add(lower, sum.remainder)
    return v_add(upper, lower) if activation == SOFTMAX else log(upper, lower)


cdef inline vec difference(vec z, vec top, vec *lower) noexcept nogil:
    # z - top with its rounding error, which would be 64 ULP of e^(z - top) where that is about e^-100. Where
    # e^(z - top) is 0, the error is left out: it may be large, or NaN.
    cdef vec d = two_sum(z, v_sub(v_set1(0), top), lower)
    lower[0] = v_select(v_lt(v_set1(EXP_MIN), d), lower[0], v_set1(0))
    return d


cdef inline real largest(const real *z, Py_ssize_t n) noexcept nogil:
    # NaN apart, which the differences show soon enough.
    cdef vec top = v_set1(-INFINITY)
    cdef real lanes[LANES]
    cdef Py_ssize_t j = 0
    while j + LANES <= n:
        top = v_max(v_load(z + j), top)
        j += LANES
    if j < n:
        top = v_max(v_load_part(z + j, n - j, top), top)
    v_store(lanes, top)
    for j in range(1, LANES):
        if lanes[j] > lanes[0]:
            lanes[0] = lanes[j]
    return lanes[0]


cdef void normalize_row(int activation, real *z, Py_ssize_t n) noexcept nogil:
    cdef vec top = v_set1(largest(z, n))
    cdef vec d, lower, e, e_lower, by
    cdef exp_sum sums[ROW_VECS]
    cdef exp_sum joined[VIRTUAL_LANES]
    cdef real ones[VIRTUAL_LANES]
    cdef real rest[VIRTUAL_LANES]
    cdef real remainder[VIRTUAL_LANES]
    cdef Py_ssize_t j, left, i
    for i in range((n + LANES - 1) // LANES):
        j = i * LANES
        left = min(n - j, LANES)
        d = difference(v_load_part(z + j, left, v_set1(-INFINITY)), top, &lower)
        e = exp_negative(d, lower, 0 if activation == SOFTMAX else SUM_SCALE, &e_lower)
        if activation == SOFTMAX:
            v_store_part(z + j, e, left)
        if i < ROW_VECS:
            start_sum(&sums[i], d, e, e_lower)
        else:
            add_exp(&sums[i % ROW_VECS], d, e, e_lower)
    for i in range(min(ROW_VECS, (n + LANES - 1) // LANES)):
        v_store(ones + i * LANES, sums[i].ones)
        v_store(rest + i * LANES, sums[i].rest)
        v_store(remainder + i * LANES, sums[i].remainder)
    for i in range(min(n, VIRTUAL_LANES)):
        joined[i].ones = v_set1(ones[i])
        joined[i].rest = v_set1(rest[i])
        joined[i].remainder = v_set1(remainder[i])
    join_sums(joined, n)
    by = divisor(activation, &joined[0])
    for i in range((n + LANES - 1) // LANES):
        j = i * LANES
        left = min(n - j, LANES)
        d = v_load_part(z + j, left, v_set1(0))
        if activation == SOFTMAX:
            v_store_part(z + j, v_div(d, by), left)
        else:
            d = difference(d, top, &lower)
            v_store_part(z + j, v_sub(d, v_sub(by, lower)), left)


cdef void normalize_column(int activation, real *z, Py_ssize_t stride, Py_ssize_t n) noexcept nogil:
    # LANES rows at once: element j of lane l is z[j * stride + l].
    cdef vec top = v_set1(-INFINITY)
    cdef vec d, lower, e, e_lower, by
    cdef exp_sum sums[VIRTUAL_LANES]
    cdef Py_ssize_t j
    for j in range(n):
        top = v_max(v_load(z + j * stride), top)
    for j in range(n):
        d = difference(v_load(z + j * stride), top, &lower)
        e = exp_negative(d, lower, 0 if activation == SOFTMAX else SUM_SCALE, &e_lower)
        if activation == SOFTMAX:
            v_store(z + j * stride, e)
        if j < VIRTUAL_LANES:
            start_sum(&sums[j], d, e, e_lower)
        else:
            add_exp(&sums[j % VIRTUAL_LANES], d, e, e_lower)
    join_sums(sums, n)
    by = divisor(activation, &sums[0])
    for j in range(n):
        d = v_load(z + j * stride)
        if activation == SOFTMAX:
            v_store(z + j * stride, v_div(d, by))
        else:
            d = difference(d, top, &lower)
            v_store(z + j * stride, v_sub(d, v_sub(by, lower)))


cdef void normalize(
    int activation, real *z, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t n
) noexcept nogil:
    # Short rows go through columns of PANEL rows: whole vectors instead of a tail each.
    cdef real columns[VIRTUAL_LANES * PANEL]
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t j, count
    if n == 0:
        return
    if n > VIRTUAL_LANES or rows == 1:
        for i in range(rows):
            normalize_row(activation, z + i * stride, n)
        return
    while i < rows:
        count = min(rows - i, PANEL)
        to_columns(z + i * stride, stride, count, n, columns, PANEL)
        for j in range(TILE_VECS):
            normalize_column(activation, columns + j * LANES, PANEL, n)
        from_columns(columns, PANEL, count, n, z + i * stride, stride)
        i += PANEL
