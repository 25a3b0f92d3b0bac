# A dense layer of few outputs and many inputs: lanes span k. dots.h says in which order a sum is added up;
# every DOT_BLOCK terms it is joined and added to what stands, and the bias comes last.

cdef enum:
    DOT_BLOCK = CHAIN * DOT_LANES


cdef inline int dot_rows(int outs) noexcept nogil:
    return max(1, min(MOST_DOT_ROWS, DOTS_AT_ONCE // outs))


cdef inline void dots_of(
    int rows, int outs, const fastnn_dense *layer, Py_ssize_t row, Py_ssize_t column
) noexcept nogil:
    # rows and outs are literals where this is called.
    cdef dots t
    cdef const real *x[MOST_DOT_GROUPS]
    cdef const real *weights = <const real *>layer.panels + column * layer.weight_stride
    cdef const real *start = <const real *>layer.start + column
    cdef real *z = <real *>layer.out + row * layer.out_stride + column
    cdef real sums[MOST_DOTS + LANES]
    cdef Py_ssize_t k = 0
    cdef Py_ssize_t end
    cdef int i, j
    cdef bint first
    tile_rows(x, rows, <const real *>layer.x + row * layer.x_stride, layer.x_stride)
    while k < layer.depth:
        first = k == 0
        end = min(k + DOT_BLOCK, layer.depth)
        dots_zero(&t, rows, outs)
        while k + DOT_LANES <= end:
            dots_step(&t, rows, outs, x, layer.x_stride, weights + k, layer.weight_stride, DOT_LANES)
            k += DOT_LANES
        if k < end:
            dots_step(&t, rows, outs, x, layer.x_stride, weights + k, layer.weight_stride, <long>(end - k))
            k = end
        dots_join(&t, rows, outs, sums)
        for i in range(rows):
            for j in range(outs):
                if not first:
                    sums[i * outs + j] = z[i * layer.out_stride + j] + sums[i * outs + j]
                if k == layer.depth:
                    sums[i * outs + j] = start[j] + sums[i * outs + j]
                z[i * layer.out_stride + j] = sums[i * outs + j]


cdef void dots_4(const fastnn_dense *layer, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    dots_of(dot_rows(4), 4, layer, row, column)


cdef void dots_2(const fastnn_dense *layer, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    dots_of(dot_rows(2), 2, layer, row, column)


cdef void dots_1(const fastnn_dense *layer, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    dots_of(dot_rows(1), 1, layer, row, column)


cdef void one_row_4(const fastnn_dense *layer, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    dots_of(1, 4, layer, row, column)


cdef void one_row_2(const fastnn_dense *layer, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    dots_of(1, 2, layer, row, column)


cdef void one_row_1(const fastnn_dense *layer, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    dots_of(1, 1, layer, row, column)


ctypedef void (*dots_kernel)(const fastnn_dense *, Py_ssize_t, Py_ssize_t) noexcept nogil


cdef void all_dots(
    const fastnn_dense *layer, Py_ssize_t column, int outs, dots_kernel many, dots_kernel one
) noexcept nogil:
    cdef Py_ssize_t row = 0
    while row + dot_rows(outs) <= layer.rows:
        many(layer, row, column)
        row += dot_rows(outs)
    while row < layer.rows:
        one(layer, row, column)
        row += 1


cdef void dense_dots(const fastnn_dense *layer, int activation) noexcept nogil:
    cdef Py_ssize_t column = 0
    while column < layer.width:
        if column + 4 <= layer.width and DOTS_AT_ONCE >= 4:
            all_dots(layer, column, 4, dots_4, one_row_4)
            column += 4
        elif column + 2 <= layer.width and DOTS_AT_ONCE >= 2:
            all_dots(layer, column, 2, dots_2, one_row_2)
            column += 2
        else:
            all_dots(layer, column, 1, dots_1, one_row_1)
            column += 1
    activate_rows(
        activation, layer.parameters,
        <real *>layer.out, <real *>layer.out, layer.width, layer.rows, layer.out_stride,
    )
