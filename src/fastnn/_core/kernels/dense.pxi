# A dense layer over a block of rows: the product in register tiles, the activation while they are warm.
#
# Each output is a sum of chains: CHAIN multiply-adds in the order of k, from 0. The chains of SUM_BLOCK terms
# are added up in order, and so are these sums; the bias comes last. That order is all that the bits depend
# on: the tile's shape, the panel's width and the number of rows only say which chains run side by side. (A
# large bias would enlarge all roundings after it.)

cdef enum:
    # A panel's block of so many terms stays in the first cache while it serves tile after tile.
    SUM_BLOCK = 6 * CHAIN


cdef inline int tile_width(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    # In vectors. Few rows take several whole panels at once.
    if rows == 1 and columns >= STRIP_VECS * VECTOR_LANES:
        return STRIP_VECS
    if rows <= 3 and columns >= 2 * PANEL:
        return 2 * TILE_VECS
    return TILE_VECS if columns > VECTOR_LANES else 1


cdef inline Py_ssize_t ahead_step(const fastnn_dense *layer, Py_ssize_t count) noexcept nogil:
    # For the whole of `ahead` within the layer, or the next panel within this one.
    cdef Py_ssize_t pairs = count * max(layer.depth * layer.width // (2 * PANEL), 1)
    if layer.ahead != NULL:
        return min((layer.ahead_size + pairs - 1) // pairs, LINE)
    return min(2 * PANEL // count if count > 1 else LINE, LINE)


cdef void sum_block(
    const fastnn_dense *layer, Py_ssize_t first, Py_ssize_t depth, int activation, const real **ahead
) noexcept nogil:
    # The terms first to first + depth of every sum: panels outside, tiles of rows inside, as even as can be.
    # Meanwhile asks for what `ahead` points to, or else for the next panel.
    cdef Py_ssize_t count = (layer.rows + TILE_ROWS - 1) // TILE_ROWS
    cdef Py_ssize_t rows = layer.rows if count == 1 else layer.rows // count
    cdef Py_ssize_t taller = layer.rows - rows * count
    cdef Py_ssize_t column = 0
    cdef int vecs
    cdef tile_job job
    job.x_stride = layer.x_stride
    job.depth = depth
    job.panel_stride = PANEL if layer.column_stride else PANEL * layer.depth
    job.start_stride = layer.start_stride
    job.out_stride = layer.out_stride
    job.add = first != 0
    job.last = first + depth == layer.depth
    job.activation = activation
    job.parameters = &layer.parameters[0]
    job.ahead = ahead[0]
    job.ahead_step = 0 if layer.column_stride else ahead_step(layer, count)
    while column < layer.width:
        vecs = tile_width(layer.rows, layer.width - column)
        job.columns = vecs * VECTOR_LANES if layer.padded else min(layer.width - column, vecs * VECTOR_LANES)
        job.panel_step = layer.column_stride or min(vecs, TILE_VECS) * VECTOR_LANES
        job.panel = <const real *>layer.panels + first * job.panel_step
        job.panel += column if layer.column_stride else column * layer.depth
        job.x = <const real *>layer.x + first
        if ahead[0] == NULL:
            job.ahead = job.panel + (job.panel_stride if column + vecs * VECTOR_LANES < layer.width else 0)
        job.start = <const real *>layer.start + (0 if layer.column_stride else column)
        job.out = <real *>layer.out + column
        if taller:
            kernel_of(rows + 1, vecs)(&job, taller)
        kernel_of(rows, vecs)(&job, count - taller)
        column += vecs * VECTOR_LANES
    if ahead[0] != NULL:
        ahead[0] = job.ahead


cdef void dense_tiles(const fastnn_dense *layer, int activation) noexcept nogil:
    cdef Py_ssize_t first = 0
    cdef Py_ssize_t depth
    cdef const real *ahead = <const real *>layer.ahead
    while True:
        depth = layer.depth - first
        if depth > SUM_BLOCK + CHAIN:
            depth = SUM_BLOCK
        sum_block(layer, first, depth, activation if first + depth == layer.depth else IDENTITY, &ahead)
        first += depth
        if first == layer.depth:
            break


cdef void dense(const fastnn_dense *layer) noexcept nogil:
    cdef bint by_row = layer.activation == SOFTMAX or layer.activation == LOG_SOFTMAX
    cdef int elementwise = IDENTITY if by_row else layer.activation
    if layer.rows == 0:
        return
    if layer.weight_stride:
        dense_dots(layer, elementwise)
    else:
        dense_tiles(layer, elementwise)
    if not by_row:
        return
    if layer.column_stride:
        normalize_columns(
            layer.activation, <real *>layer.out, layer.out_stride, layer.rows, layer.width // LANES
        )
    else:
        normalize(layer.activation, <real *>layer.out, layer.out_stride, layer.rows, layer.width)
