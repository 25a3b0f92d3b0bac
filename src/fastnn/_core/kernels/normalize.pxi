# Softmax and log-softmax of z over a row of n, along the lanes (a row in memory) or across them (each lane a
# row, as in the columns of a narrow network). Both do the same operations on each element.
#
# With d = z - max and e = e^d, softmax is e / sum(e) and log-softmax d - log(sum(e)). The sum is 32
# interleaved sums, element j in sum j mod 32, joined in pairs of neighbours, the pairs in pairs, and so on;
# each carries its rounding errors along. Log-softmax counts the maxima (e = 1) apart, so that near 0 it sees
# what little is left above 1. A NaN, a +inf or a row of -inf makes some d NaN, and so the whole row.
#
# `activation` is a literal where the inlined functions are called.

ctypedef struct exp_sum:
    vec rest                    # times 2^SUM_SCALE for log-softmax
    vec remainder               # what the roundings of `rest` and, for log-softmax, of its terms left
    vec ones                    # log-softmax's maxima


cdef inline void start_sum(int activation, exp_sum *sum, vec d, vec e, vec e_lower) noexcept nogil:
    cdef mask is_max
    if activation == SOFTMAX:
        sum.rest = e
        sum.remainder = v_set1(0)
    else:
        is_max = v_eq(d, v_set1(0))
        sum.ones = v_select(is_max, v_set1(1), v_set1(0))
        sum.rest = v_select(is_max, v_set1(0), e)
        sum.remainder = e_lower     # 0 where e is 1


cdef inline void add_sum(int activation, exp_sum *sum, const exp_sum *other) noexcept nogil:
    cdef vec remainder
    sum.rest = two_sum(sum.rest, other.rest, &remainder)
    sum.remainder = v_add(v_add(sum.remainder, other.remainder), remainder)
    if activation == LOG_SOFTMAX:
        sum.ones = v_add(sum.ones, other.ones)


cdef inline void add_exp(int activation, exp_sum *sum, vec d, vec e, vec e_lower) noexcept nogil:
    cdef exp_sum one
    start_sum(activation, &one, d, e, e_lower)
    add_sum(activation, sum, &one)


cdef inline void join_columns(int activation, exp_sum *sums, Py_ssize_t count) noexcept nogil:
    # Into sums[0]; those from `count` on are zero, and left out.
    cdef Py_ssize_t i
    while count > 1:
        for i in range(count // 2):
            if i > 0:
                sums[i] = sums[2 * i]
            add_sum(activation, &sums[i], &sums[2 * i + 1])
        if count % 2:
            sums[count // 2] = sums[count - 1]
        count = (count + 1) // 2


cdef inline void join_lanes(int activation, exp_sum *sums) noexcept nogil:
    # Into every lane of sums[0].
    cdef exp_sum odd
    cdef Py_ssize_t count = ROW_VECS
    cdef Py_ssize_t lanes = 1
    cdef Py_ssize_t i, other
    while lanes < VIRTUAL_LANES:
        for i in range((count + 1) // 2):
            other = min(2 * i + 1, count - 1)
            odd.rest = v_odd(sums[2 * i].rest, sums[other].rest)
            odd.remainder = v_odd(sums[2 * i].remainder, sums[other].remainder)
            sums[i].rest = v_even(sums[2 * i].rest, sums[other].rest)
            sums[i].remainder = v_even(sums[2 * i].remainder, sums[other].remainder)
            if activation == LOG_SOFTMAX:
                odd.ones = v_odd(sums[2 * i].ones, sums[other].ones)
                sums[i].ones = v_even(sums[2 * i].ones, sums[other].ones)
            add_sum(activation, &sums[i], &odd)
        count = (count + 1) // 2
        lanes = 2 * lanes


cdef inline vec log_of_sum(exp_sum *sum) noexcept nogil:
    cdef vec lower
    cdef vec rest = v_scale(sum.rest, v_set1(-SUM_SCALE))
    cdef vec upper = two_sum(sum.ones, rest, &lower)
    return log(upper, v_add(lower, v_scale(sum.remainder, v_set1(-SUM_SCALE))))


cdef inline vec difference(vec z, vec top, vec *lower) noexcept nogil:
    # z - top with its rounding error, which would be 64 ULP of e^(z - top) where that is about e^-100. Where
    # e^(z - top) is 0, the error is left out: it may be large, or NaN.
    cdef vec d = two_difference(z, top, lower)
    lower[0] = v_select(v_lt(v_set1(EXP_MIN), d), lower[0], v_set1(0))
    return d


cdef inline vec exp_of(int activation, vec d, vec lower, vec *e_lower) noexcept nogil:
    return exp_negative(d, lower, 0 if activation == SOFTMAX else SUM_SCALE, e_lower)


cdef inline vec quotient(vec e, vec by, vec reciprocal) noexcept nogil:
    # e / by: the product's rounding and the reciprocal's are put back, so it is nearly rounded once.
    cdef vec q = v_mul(e, reciprocal)
    return v_muladd(v_negmuladd(q, by, e), reciprocal, q)


cdef inline vec largest(const real *z, Py_ssize_t n) noexcept nogil:
    # In every lane. NaN apart, which the differences show soon enough.
    cdef vec top = v_set1(-INFINITY)
    cdef Py_ssize_t j = 0
    while j + LANES <= n:
        top = v_max(v_load(z + j), top)
        j += LANES
    if j < n:
        top = v_max(v_load_part(z + j, n - j, top), top)
    j = 1
    while j < LANES:
        top = v_max(v_even(top, top), v_odd(top, top))
        j = 2 * j
    return top


cdef inline void normalize_row(int activation, real *z, Py_ssize_t n) noexcept nogil:
    cdef vec top = largest(z, n)
    cdef vec d, lower, e, e_lower, by, reciprocal
    cdef exp_sum sums[ROW_VECS]
    cdef Py_ssize_t vecs = (n + LANES - 1) // LANES
    cdef Py_ssize_t j, left, i
    for i in range(vecs):
        j = i * LANES
        left = min(n - j, LANES)
        d = difference(v_load_part(z + j, left, v_set1(-INFINITY)), top, &lower)
        e = exp_of(activation, d, lower, &e_lower)
        if activation == SOFTMAX and vecs > 1:
            v_store_part(z + j, e, left)
        if i < ROW_VECS:
            start_sum(activation, &sums[i], d, e, e_lower)
        else:
            add_exp(activation, &sums[i % ROW_VECS], d, e, e_lower)
    for i in range(vecs, ROW_VECS):
        start_sum(activation, &sums[i], v_set1(-INFINITY), v_set1(0), v_set1(0))
    join_lanes(activation, sums)
    if activation == SOFTMAX:
        by = v_add(sums[0].rest, sums[0].remainder)
        reciprocal = v_div(v_set1(1), by)
    else:
        by = log_of_sum(&sums[0])
    for i in range(vecs):
        j = i * LANES
        left = min(n - j, LANES)
        if vecs > 1:
            d = v_load_part(z + j, left, v_set1(0))
            if activation == SOFTMAX:
                e = d
            else:
                d = difference(d, top, &lower)
        if activation == SOFTMAX:
            d = quotient(e, by, reciprocal)
        else:
            d = v_sub(d, v_sub(by, lower))
        v_store_part(z + j, d, left)


cdef inline void normalize_column(int activation, real *z, Py_ssize_t stride, Py_ssize_t n) noexcept nogil:
    # LANES rows at once: element j of lane l is z[j * stride + l].
    cdef vec top = v_set1(-INFINITY)
    cdef vec d, lower, e, e_lower, by, reciprocal
    cdef exp_sum sums[VIRTUAL_LANES]
    cdef Py_ssize_t j
    for j in range(n):
        top = v_max(v_load(z + j * stride), top)
    for j in range(n):
        d = difference(v_load(z + j * stride), top, &lower)
        e = exp_of(activation, d, lower, &e_lower)
        if activation == SOFTMAX:
            v_store(z + j * stride, e)
        if j < VIRTUAL_LANES:
            start_sum(activation, &sums[j], d, e, e_lower)
        else:
            add_exp(activation, &sums[j % VIRTUAL_LANES], d, e, e_lower)
    join_columns(activation, sums, min(n, VIRTUAL_LANES))
    if activation == SOFTMAX:
        by = v_add(sums[0].rest, sums[0].remainder)
        reciprocal = v_div(v_set1(1), by)
        for j in range(n):
            v_store(z + j * stride, quotient(v_load(z + j * stride), by, reciprocal))
    else:
        by = log_of_sum(&sums[0])
        for j in range(n):
            d = difference(v_load(z + j * stride), top, &lower)
            v_store(z + j * stride, v_sub(d, v_sub(by, lower)))


cdef inline void softmax_pair(real *z, real *other) noexcept nogil:
    # normalize_column of two, where one e is 1 and the sum needs no remainder: the same bits, half the work.
    cdef vec a = v_load(z)
    cdef vec b = v_load(other)
    cdef vec top = v_max(a, b)
    cdef vec d, lower, e, e_lower, by, most, least
    cdef mask a_below = v_lt(a, b)
    d = difference(v_min(b, a), top, &lower)    # of both, whichever is NaN
    e = exp_of(SOFTMAX, d, lower, &e_lower)
    by = v_add(v_add(v_set1(1), e), v_sub(top, top))    # NaN where the top is infinite
    most = v_div(v_set1(1), by)
    least = quotient(e, by, most)
    v_store(z, v_select(a_below, least, most))
    v_store(other, v_select(a_below, most, least))


cdef void normalize_columns(
    int activation, real *z, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t vecs
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(vecs):
        if activation == SOFTMAX and n == 2:
            softmax_pair(z + j * LANES, z + stride + j * LANES)
        elif activation == SOFTMAX:
            normalize_column(SOFTMAX, z + j * LANES, stride, n)
        else:
            normalize_column(LOG_SOFTMAX, z + j * LANES, stride, n)


cdef void normalize(
    int activation, real *z, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t n
) noexcept nogil:
    # Short rows go through columns of PANEL rows: whole vectors instead of a tail each.
    cdef real columns[VIRTUAL_LANES * PANEL]
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t count
    if n == 0:
        return
    if n > VIRTUAL_LANES or rows == 1 and n > 2:
        for i in range(rows):
            if activation == SOFTMAX:
                normalize_row(SOFTMAX, z + i * stride, n)
            else:
                normalize_row(LOG_SOFTMAX, z + i * stride, n)
        return
    while i < rows:
        count = min(rows - i, PANEL)
        to_columns(z + i * stride, stride, count, n, columns, PANEL)
        normalize_columns(activation, columns, PANEL, n, PANEL // LANES)
        from_columns(columns, PANEL, count, n, z + i * stride, stride)
        i += PANEL
