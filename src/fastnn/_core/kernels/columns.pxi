# Between rows in memory and columns, where a vector holds one element of each of LANES rows.
#
# LANES rows of 2, 4, 8 or 16 elements without gaps are as many whole vectors. Parting the even lanes from the
# odd ones, once for each factor 2, leaves one element of each row in a vector; zipping takes them back.
# Meanwhile the rows behind these are asked for, which usually come next.

cdef enum:
    MOST_PARTED = 16


cdef inline bint can_part(Py_ssize_t stride, Py_ssize_t n) noexcept nogil:
    return stride == n and 0 < n <= MOST_PARTED and n & (n - 1) == 0


cdef inline void part(
    const real *rows, Py_ssize_t count, int n, real *columns, Py_ssize_t width
) noexcept nogil:
    # n is a literal where this is called, so the loops unroll.
    cdef vec a[MOST_PARTED]
    cdef vec b[MOST_PARTED]
    cdef Py_ssize_t r = 0
    cdef Py_ssize_t left
    cdef int i, done
    while r < count:
        left = (count - r) * n
        for i in range(n):
            v_prefetch(rows + (count + r) * n + i * LANES)
            if left >= (i + 1) * LANES:
                a[i] = v_load(rows + r * n + i * LANES)
            else:
                a[i] = v_load_part(rows + r * n + i * LANES, max(left - i * LANES, 0), v_set1(0))
        done = 1
        while done < n:
            for i in range(n // 2):
                b[i] = v_even(a[2 * i], a[2 * i + 1])
                b[i + n // 2] = v_odd(a[2 * i], a[2 * i + 1])
            for i in range(n):
                a[i] = b[i]
            done = 2 * done
        for i in range(n):
            v_store(columns + i * width + r, a[i])
        r += LANES


cdef inline void zip(
    const real *columns, Py_ssize_t width, Py_ssize_t count, int n, real *rows
) noexcept nogil:
    cdef vec a[MOST_PARTED]
    cdef vec b[MOST_PARTED]
    cdef Py_ssize_t r = 0
    cdef Py_ssize_t left
    cdef int i, done
    while r < count:
        for i in range(n):
            a[i] = v_load(columns + i * width + r)
        done = 1
        while done < n:
            for i in range(n // 2):
                b[2 * i] = v_zip_low(a[i], a[i + n // 2])
                b[2 * i + 1] = v_zip_high(a[i], a[i + n // 2])
            for i in range(n):
                a[i] = b[i]
            done = 2 * done
        left = (count - r) * n
        for i in range(n):
            v_prefetch(rows + (count + r) * n + i * LANES)
            if left >= (i + 1) * LANES:
                v_store(rows + r * n + i * LANES, a[i])
            elif left > i * LANES:
                v_store_part(rows + r * n + i * LANES, a[i], left - i * LANES)
        r += LANES


cdef void to_columns(
    const real *rows, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t n, real *columns, Py_ssize_t width
) noexcept nogil:
    cdef Py_ssize_t whole = (count + PANEL - 1) // PANEL * PANEL
    cdef Py_ssize_t filled = count
    cdef Py_ssize_t r, k
    if can_part(stride, n):
        filled = (count + LANES - 1) // LANES * LANES
        if n == 1:
            part(rows, count, 1, columns, width)
        elif n == 2:
            part(rows, count, 2, columns, width)
        elif n == 4:
            part(rows, count, 4, columns, width)
        elif n == 8:
            part(rows, count, 8, columns, width)
        else:
            part(rows, count, 16, columns, width)
    else:
        for k in range(n):
            for r in range(count):
                columns[k * width + r] = rows[r * stride + k]
    for k in range(n):
        for r in range(filled, whole):
            columns[k * width + r] = 0


cdef void from_columns(
    const real *columns, Py_ssize_t width, Py_ssize_t count, Py_ssize_t n, real *rows, Py_ssize_t stride
) noexcept nogil:
    cdef Py_ssize_t r, k
    if can_part(stride, n):
        if n == 1:
            zip(columns, width, count, 1, rows)
        elif n == 2:
            zip(columns, width, count, 2, rows)
        elif n == 4:
            zip(columns, width, count, 4, rows)
        elif n == 8:
            zip(columns, width, count, 8, rows)
        else:
            zip(columns, width, count, 16, rows)
        return
    for k in range(n):
        for r in range(count):
            rows[r * stride + k] = columns[k * width + r]
