# Between rows in memory and columns, where a vector holds one element of each of LANES rows.


cdef void to_columns(
    const real *rows, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t n, real *columns, Py_ssize_t width
) noexcept nogil:
    cdef Py_ssize_t whole = (count + PANEL - 1) // PANEL * PANEL
    cdef Py_ssize_t r, k
    for k in range(n):
        for r in range(count):
            columns[k * width + r] = rows[r * stride + k]
    if count < whole:
        for k in range(n):
            for r in range(count, whole):
                columns[k * width + r] = 0


cdef void from_columns(
    const real *columns, Py_ssize_t width, Py_ssize_t count, Py_ssize_t n, real *rows, Py_ssize_t stride
) noexcept nogil:
    cdef Py_ssize_t r, k
    for k in range(n):
        for r in range(count):
            rows[r * stride + k] = columns[k * width + r]
