# A dense layer over a block of rows: the matrix product in register tiles, the activation while they are warm.
#
# Each output is one chain of multiply-adds in the order of k, starting from its bias; every SUM_BLOCK terms a
# new chain starts from 0, and its sum is added to what stands. That order is all that the bits depend on: the
# tile's shape, the panel's width and the number of rows only say which chains run side by side.

cdef enum:
    # Long chains round badly (their error grows with the length), short ones cost additions. A panel's
    # block of 256 terms also stays in the first cache while it serves tile after tile.
    SUM_BLOCK = 256
    # One row needs this many chains at once to hide the latency of a multiply-add.
    STRIP_VECS = 8

cdef real ZEROS[STRIP_VECS * LANES]

ctypedef struct tile_job:
    const real *x
    Py_ssize_t x_stride
    Py_ssize_t depth
    const real *panel
    Py_ssize_t panel_stride
    const real *start
    Py_ssize_t start_stride
    bint add                    # to what out holds
    real *out
    Py_ssize_t out_stride
    Py_ssize_t columns          # of the tile's rows * vecs * LANES, those in out
    int activation


cdef inline void tile(int rows, int vecs, const tile_job *job) noexcept nogil:
    # A tile of rows x vecs vectors; more than TILE_VECS vectors span several panels. Both are literals where
    # this is called, so that the loops unroll and the sums stay in registers.
    cdef vec sums[TILE_ROWS][STRIP_VECS]
    cdef vec b[STRIP_VECS]
    cdef vec a
    cdef const real *x = job.x
    cdef const real *panel = job.panel
    cdef Py_ssize_t k
    cdef int i, j
    for i in range(rows):
        for j in range(vecs):
            sums[i][j] = v_load(job.start + i * job.start_stride + j * LANES)
    for k in range(job.depth):
        for j in range(vecs):
            b[j] = v_load(panel + (j // TILE_VECS) * job.panel_stride + (j % TILE_VECS) * LANES)
        for i in range(rows):
            a = v_set1(x[i * job.x_stride + k])
            for j in range(vecs):
                sums[i][j] = v_muladd(a, b[j], sums[i][j])
        panel += min(vecs, TILE_VECS) * LANES
    if job.add:
        for i in range(rows):
            for j in range(vecs):
                sums[i][j] = v_add(load_columns(job, i, j), sums[i][j])
    if job.activation == RELU:
        for i in range(rows):
            for j in range(vecs):
                sums[i][j] = relu(sums[i][j])
    for i in range(rows):
        for j in range(vecs):
            store_columns(job, i, j, sums[i][j])
    if job.activation != RELU and job.activation != IDENTITY:
        for i in range(rows):
            activate(job.activation, job.out + i * job.out_stride, job.out + i * job.out_stride, job.columns)


cdef inline vec load_columns(const tile_job *job, int i, int j) noexcept nogil:
    cdef const real *p = job.out + i * job.out_stride + j * LANES
    cdef Py_ssize_t left = job.columns - j * LANES
    if left >= LANES:
        return v_load(p)
    return v_load_part(p, max(left, 0), v_set1(0))


cdef inline void store_columns(const tile_job *job, int i, int j, vec a) noexcept nogil:
    cdef real *p = job.out + i * job.out_stride + j * LANES
    cdef Py_ssize_t left = job.columns - j * LANES
    if left >= LANES:
        v_store(p, a)
    elif left > 0:
        v_store_part(p, a, left)


cdef void run_tile(int rows, int vecs, const tile_job *job) noexcept nogil:
    if vecs == STRIP_VECS:
        tile(1, STRIP_VECS, job)
    elif vecs == 2 * TILE_VECS:
        if rows == 1:
            tile(1, 2 * TILE_VECS, job)
        elif rows == 2:
            tile(2, 2 * TILE_VECS, job)
        else:
            tile(3, 2 * TILE_VECS, job)
    elif vecs == TILE_VECS:
        tile_of(rows, TILE_VECS, job)
    else:
        tile_of(rows, 1, job)


cdef inline void tile_of(int rows, int vecs, const tile_job *job) noexcept nogil:
    if rows == 1:
        tile(1, vecs, job)
    elif rows == 2:
        tile(2, vecs, job)
    elif rows == 3:
        tile(3, vecs, job)
    elif rows == 4:
        tile(4, vecs, job)
    elif TILE_ROWS >= 5 and rows == 5:
        tile(5, vecs, job)
    elif TILE_ROWS >= 6 and rows == 6:
        tile(6, vecs, job)
    elif TILE_ROWS >= 7 and rows == 7:
        tile(7, vecs, job)
    elif TILE_ROWS >= 8 and rows == 8:
        tile(8, vecs, job)
    elif TILE_ROWS >= 9 and rows == 9:
        tile(9, vecs, job)
    elif TILE_ROWS >= 10 and rows == 10:
        tile(10, vecs, job)
    elif TILE_ROWS >= 11 and rows == 11:
        tile(11, vecs, job)
    elif TILE_ROWS >= 12 and rows == 12:
        tile(12, vecs, job)
    elif TILE_ROWS >= 13 and rows == 13:
        tile(13, vecs, job)
    elif TILE_ROWS >= 14 and rows == 14:
        tile(14, vecs, job)


cdef inline int tile_width(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    # In vectors. Few rows take several whole panels at once.
    if rows == 1 and columns >= STRIP_VECS * LANES:
        return STRIP_VECS
    if rows <= 3 and columns >= 2 * PANEL:
        return 2 * TILE_VECS
    return TILE_VECS if columns > LANES else 1


cdef void sum_block(
    const fastnn_dense *layer, Py_ssize_t first, Py_ssize_t depth, int activation
) noexcept nogil:
    # The terms first to first + depth of every sum: panels outside, tiles of rows inside.
    cdef Py_ssize_t column = 0
    cdef Py_ssize_t tiles = (layer.rows + TILE_ROWS - 1) // TILE_ROWS
    cdef Py_ssize_t row, t
    cdef int rows, vecs
    cdef tile_job job
    job.x_stride = layer.x_stride
    job.depth = depth
    job.panel_stride = PANEL * layer.depth
    job.start = ZEROS
    job.start_stride = layer.start_stride if first == 0 else 0
    job.add = first != 0
    job.out_stride = layer.out_stride
    job.activation = activation
    while column < layer.width:
        vecs = tile_width(layer.rows, layer.width - column)
        job.columns = min(layer.width - column, vecs * LANES)
        job.panel = <const real *>layer.panels + column * layer.depth + first * min(vecs, TILE_VECS) * LANES
        row = 0
        for t in range(tiles):
            rows = <int>((layer.rows - row + tiles - t - 1) // (tiles - t))
            job.x = <const real *>layer.x + row * layer.x_stride + first
            if first == 0:
                job.start = <const real *>layer.start + row * layer.start_stride + column
            job.out = <real *>layer.out + row * layer.out_stride + column
            run_tile(rows, vecs, &job)
            row += rows
        column += job.columns


cdef void dense(const fastnn_dense *layer) noexcept nogil:
    cdef Py_ssize_t first = 0
    cdef Py_ssize_t depth, j
    cdef bint by_row = layer.activation == SOFTMAX or layer.activation == LOG_SOFTMAX
    cdef int elementwise = IDENTITY if by_row else layer.activation
    if layer.rows == 0:
        return
    while True:
        depth = min(layer.depth - first, SUM_BLOCK)
        sum_block(layer, first, depth, elementwise if first + depth == layer.depth else IDENTITY)
        first += depth
        if first == layer.depth:
            break
    if not by_row:
        return
    if layer.columns:
        for j in range(TILE_VECS):
            normalize_column(layer.activation, <real *>layer.out + j * LANES, layer.out_stride, layer.rows)
    else:
        normalize(layer.activation, <real *>layer.out, layer.out_stride, layer.rows, layer.width)
