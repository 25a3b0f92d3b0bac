# Between rows in memory and columns, where a vector holds one element of each of LANES rows.


cdef void to_columns(
    const real *rows, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t n, real *columns
) noexcept nogil:
    cdef Py_ssize_t r, k
    for k in range(n):
        for r in range(count):
            columns[k * PANEL + r] = rows[r * stride + k]
        for r in range(count, PANEL):
            columns[k * PANEL + r] = 0


cdef void from_columns(
    const real *columns, Py_ssize_t count, Py_ssize_t n, real *rows, Py_ssize_t stride
) noexcept nogil:
    cdef Py_ssize_t r, k
    for r in range(count):
        for k in range(n):
            rows[r * stride + k] = columns[k * PANEL + r]
