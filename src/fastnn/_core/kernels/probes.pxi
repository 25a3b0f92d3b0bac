# What the processor can do at most, for benchmarks: multiply-adds in registers, and reading memory. For
# tests, the exponential alone, which other functions are made of.

cdef enum:
    # Pairs of sums that don't wait for each other, as many as two loads a cycle and an addition of 4 cycles
    # keep busy.
    READ_SUMS = 4
    # Counting the steps takes a port that AVX2's multiply-adds need, so they are counted rarely.
    STEPS_AT_ONCE = 4


cdef double multiply_adds(Py_ssize_t steps) noexcept nogil:
    # As many chains as a tile has sums, each z = z / 2 + 1: it tends to 2. They start apart and above 2, or
    # compilers would do with fewer.
    cdef vec sums[TILE_ROWS]
    cdef real starts[TILE_ROWS * LANES]
    cdef vec half = v_set1(0.5)
    cdef vec one = v_set1(1)
    cdef vec total = v_set1(0)
    cdef Py_ssize_t step
    cdef int i, again
    for i in range(TILE_ROWS * LANES):
        starts[i] = 3 + i
    for i in range(TILE_ROWS):
        sums[i] = v_load(starts + i * LANES)
    for step in range(steps // STEPS_AT_ONCE):
        for again in range(STEPS_AT_ONCE):
            for i in range(TILE_ROWS):
                sums[i] = v_muladd(sums[i], half, one)
    for i in range(TILE_ROWS):
        total = v_add(total, sums[i])
    return sum_of_lanes(total)


cdef double read(const real *p, Py_ssize_t n, Py_ssize_t times) noexcept nogil:
    cdef vec sums[READ_SUMS]
    cdef Py_ssize_t i, _
    cdef int j
    for j in range(READ_SUMS):
        sums[j] = v_set1(0)
    for _ in range(times):
        i = 0
        while i + READ_SUMS * LANES <= n:
            for j in range(READ_SUMS):
                sums[j] = v_add(v_load(p + i + j * LANES), sums[j])
            i += READ_SUMS * LANES
        while i < n:
            sums[0] = v_add(v_load_part(p + i, min(n - i, LANES), v_set1(0)), sums[0])
            i += LANES
    for j in range(1, READ_SUMS):
        sums[0] = v_add(sums[0], sums[j])
    return sum_of_lanes(sums[0])


cdef inline double sum_of_lanes(vec a) noexcept nogil:
    cdef real lanes[LANES]
    cdef double total = 0
    cdef int i
    v_store(lanes, a)
    for i in range(LANES):
        total += lanes[i]
    return total


cdef void exponential(bint normal, const real *z, real *out, Py_ssize_t n) noexcept nogil:
    # e^-|z|, by exp_normal where it can be.
    cdef Py_ssize_t i = 0
    cdef vec x, rest
    while i < n:
        x = v_minus_abs(v_load_part(z + i, min(n - i, LANES), v_set1(0)))
        if normal:
            x = exp_normal(v_max(v_set1(EXP_NORMAL), x), nothing(), &rest)
        else:
            x = exp_negative(x, v_set1(0), 0, &rest)
        v_store_part(out + i, x, min(n - i, LANES))
        i += LANES
