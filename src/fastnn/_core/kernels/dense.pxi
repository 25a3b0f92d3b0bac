# A dense layer over a block of rows: the product in register tiles, the activation while they are warm.
#
# Each output is a sum of chains: CHAIN multiply-adds in the order of k, from 0. The chains of SUM_BLOCK terms
# are added up in order, and their sum is added to what stands, at first the bias. That order is all that the
# bits depend on: the tile's shape, the panel's width and the number of rows only say which chains run side by
# side.

cdef enum:
    # Of products of one sign, a chain of n is off by up to n/9 roundings in practice; 64 keep that below 8.
    # Against 256 they cost 2 % of the time.
    CHAIN = 64
    # A panel's block of 256 terms stays in the first cache while it serves tile after tile.
    SUM_BLOCK = 256
    # One row needs this many chains at once to hide the latency of a multiply-add.
    STRIP_VECS = FASTNN_START_PANELS * TILE_VECS

cdef real ZEROS[STRIP_VECS * LANES]

ctypedef struct tile_job:
    const real *x
    Py_ssize_t x_stride
    Py_ssize_t depth
    const real *panel
    Py_ssize_t panel_step       # from one k to the next
    Py_ssize_t panel_stride     # from one panel to the next
    const real *start
    Py_ssize_t start_stride
    real *out
    Py_ssize_t out_stride
    bint add                    # to what out holds
    Py_ssize_t columns          # of a tile's vecs * LANES, those in out
    int activation


cdef inline void tiles(int rows, int vecs, tile_job *job, Py_ssize_t count) noexcept nogil:
    # `count` tiles of rows x vecs vectors below one another; more than TILE_VECS vectors span several panels.
    # rows and vecs are literals where this is called, so the loops unroll and the sums stay in registers.
    # (GCC unrolls in time for that only what stands in another loop: the one over the tiles.)
    cdef vec sums[TILE_ROWS][STRIP_VECS]
    cdef vec b[STRIP_VECS]
    cdef vec a
    cdef real held[TILE_ROWS * STRIP_VECS * LANES]
    cdef const real *panel
    cdef real *z
    cdef Py_ssize_t k, c, end
    cdef int i, j
    for c in range(count):
        panel = job.panel
        k = 0
        while True:
            end = min(k + CHAIN, job.depth)
            for i in range(rows):
                for j in range(vecs):
                    sums[i][j] = v_set1(0)
            while k < end:
                for j in range(vecs):
                    b[j] = v_load(panel + (j // TILE_VECS) * job.panel_stride + (j % TILE_VECS) * LANES)
                for i in range(rows):
                    a = v_set1(job.x[i * job.x_stride + k])
                    for j in range(vecs):
                        sums[i][j] = v_muladd(a, b[j], sums[i][j])
                panel += job.panel_step
                k += 1
            if end > CHAIN:
                for i in range(rows):
                    for j in range(vecs):
                        sums[i][j] = v_add(v_load(held + (i * vecs + j) * LANES), sums[i][j])
            if end == job.depth:
                break
            for i in range(rows):
                for j in range(vecs):
                    v_store(held + (i * vecs + j) * LANES, sums[i][j])
        if job.add:
            for i in range(rows):
                for j in range(vecs):
                    sums[i][j] = v_add(load_columns(job, i, j), sums[i][j])
        else:
            for i in range(rows):
                for j in range(vecs):
                    sums[i][j] = v_add(v_load(job.start + i * job.start_stride + j * LANES), sums[i][j])
        if job.activation == RELU:
            for i in range(rows):
                for j in range(vecs):
                    sums[i][j] = relu(sums[i][j])
        for i in range(rows):
            for j in range(vecs):
                store_columns(job, i, j, sums[i][j])
        if job.activation != RELU and job.activation != IDENTITY:
            for i in range(rows):
                z = job.out + i * job.out_stride
                activate(job.activation, z, z, job.columns)
        job.x += rows * job.x_stride
        job.start += rows * job.start_stride
        job.out += rows * job.out_stride


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


cdef void run_tiles(int rows, int vecs, tile_job *job, Py_ssize_t count) noexcept nogil:
    if vecs == STRIP_VECS:
        tiles(1, STRIP_VECS, job, count)
    elif vecs == 2 * TILE_VECS:
        if rows == 1:
            tiles(1, 2 * TILE_VECS, job, count)
        elif rows == 2:
            tiles(2, 2 * TILE_VECS, job, count)
        else:
            tiles(3, 2 * TILE_VECS, job, count)
    elif vecs == TILE_VECS:
        tiles_of(rows, TILE_VECS, job, count)
    else:
        tiles_of(rows, 1, job, count)


cdef inline void tiles_of(int rows, int vecs, tile_job *job, Py_ssize_t count) noexcept nogil:
    if rows == 1:
        tiles(1, vecs, job, count)
    elif rows == 2:
        tiles(2, vecs, job, count)
    elif rows == 3:
        tiles(3, vecs, job, count)
    elif rows == 4:
        tiles(4, vecs, job, count)
    elif TILE_ROWS >= 5 and rows == 5:
        tiles(5, vecs, job, count)
    elif TILE_ROWS >= 6 and rows == 6:
        tiles(6, vecs, job, count)
    elif TILE_ROWS >= 7 and rows == 7:
        tiles(7, vecs, job, count)
    elif TILE_ROWS >= 8 and rows == 8:
        tiles(8, vecs, job, count)
    elif TILE_ROWS >= 9 and rows == 9:
        tiles(9, vecs, job, count)
    elif TILE_ROWS >= 10 and rows == 10:
        tiles(10, vecs, job, count)
    elif TILE_ROWS >= 11 and rows == 11:
        tiles(11, vecs, job, count)
    elif TILE_ROWS >= 12 and rows == 12:
        tiles(12, vecs, job, count)
    elif TILE_ROWS >= 13 and rows == 13:
        tiles(13, vecs, job, count)
    elif TILE_ROWS >= 14 and rows == 14:
        tiles(14, vecs, job, count)


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
    # The terms first to first + depth of every sum: panels outside, tiles of rows inside, as even as can be.
    cdef Py_ssize_t count = (layer.rows + TILE_ROWS - 1) // TILE_ROWS
    cdef Py_ssize_t rows = layer.rows // count
    cdef Py_ssize_t taller = layer.rows % count
    cdef Py_ssize_t column = 0
    cdef int vecs
    cdef tile_job job
    job.x_stride = layer.x_stride
    job.depth = depth
    job.panel_stride = PANEL if layer.column_stride else PANEL * layer.depth
    job.start_stride = layer.start_stride if first == 0 else 0
    job.out_stride = layer.out_stride
    job.add = first != 0
    job.activation = activation
    while column < layer.width:
        vecs = tile_width(layer.rows, layer.width - column)
        job.columns = min(layer.width - column, vecs * LANES)
        job.panel_step = layer.column_stride or min(vecs, TILE_VECS) * LANES
        job.panel = <const real *>layer.panels + first * job.panel_step
        job.panel += column if layer.column_stride else column * layer.depth
        job.x = <const real *>layer.x + first
        job.start = ZEROS
        if first == 0:
            job.start = <const real *>layer.start + (0 if layer.column_stride else column)
        job.out = <real *>layer.out + column
        if taller:
            run_tiles(<int>rows + 1, vecs, &job, taller)
        run_tiles(<int>rows, vecs, &job, count - taller)
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
    if layer.column_stride:
        for j in range(layer.width // LANES):
            normalize_column(layer.activation, <real *>layer.out + j * LANES, layer.out_stride, layer.rows)
    else:
        normalize(layer.activation, <real *>layer.out, layer.out_stride, layer.rows, layer.width)
