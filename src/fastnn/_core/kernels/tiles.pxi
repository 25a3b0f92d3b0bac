# The register tile's kernels: one for each height and width, from one source.
#
# Each is a function of its own, and called through a table: GCC would merge them into one function that it
# can't hold in its registers.

cdef enum:
    # Of products of one sign, a chain of 64 is off by up to 8.7 roundings in practice, one of 48 by 7.2.
    CHAIN = 48

ctypedef struct tile_job:
    const real *x
    Py_ssize_t x_stride
    Py_ssize_t depth
    const real *panel
    Py_ssize_t panel_step       # from one k to the next
    Py_ssize_t panel_stride     # from one panel to the next
    const real *ahead           # memory to ask for, and how much further with every two terms
    Py_ssize_t ahead_step
    const real *start
    Py_ssize_t start_stride
    real *out
    Py_ssize_t out_stride
    bint add                    # to what out holds
    bint last                   # whether these are the last terms: start comes on top
    Py_ssize_t columns          # of a tile's vecs * LANES, those in out
    int activation
    const double *parameters


cdef inline void tiles(int rows, int vecs, tile_job *job, Py_ssize_t count) noexcept nogil:
    # `count` tiles of rows x vecs vectors below one another; more than TILE_VECS vectors span several panels.
    # rows and vecs are literals where this is called, so the loops unroll and the sums stay in registers.
    cdef tile sums
    cdef tile_memory held_sums
    cdef real *held = <real *>&held_sums
    cdef const real *x[GROUPS]
    cdef const real *panel
    cdef Py_ssize_t k, c
    for c in range(count):
        panel = job.panel
        tile_rows(x, rows, job.x, job.x_stride)
        k = 0
        while True:
            tile_zero(&sums, rows, vecs)
            tile_multiply(
                &sums, rows, vecs, x, job.x_stride, &panel, job.panel_step, job.panel_stride,
                min(CHAIN, job.depth - k), &job.ahead, job.ahead_step,
            )
            if k > 0:
                tile_add_stored(&sums, rows, vecs, held, vecs * VECTOR_LANES, vecs * VECTOR_LANES)
            k += CHAIN
            if k >= job.depth:
                break
            tile_store(&sums, rows, vecs, held, vecs * VECTOR_LANES, vecs * VECTOR_LANES)
        if job.add:
            tile_add_stored(&sums, rows, vecs, job.out, job.out_stride, job.columns)
        if job.last:
            tile_add_start(&sums, rows, vecs, job.start, job.start_stride)
        if job.activation == RELU:
            tile_floor(&sums, rows, vecs, 0)
        tile_store(&sums, rows, vecs, job.out, job.out_stride, job.columns)
        if job.activation != RELU and job.activation != IDENTITY:
            activate_rows(
                job.activation, job.parameters, job.out, job.out, job.columns, rows, job.out_stride
            )
        job.x += rows * job.x_stride
        job.start += rows * job.start_stride
        job.out += rows * job.out_stride


ctypedef void (*tiles_kernel)(tile_job *, Py_ssize_t) noexcept nogil


cdef void panel_1(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(1, TILE_VECS, job, count)


cdef void panel_2(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(2, TILE_VECS, job, count)


cdef void panel_3(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(3, TILE_VECS, job, count)


cdef void panel_4(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(4, TILE_VECS, job, count)


cdef void panel_5(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 5:
        tiles(5, TILE_VECS, job, count)


cdef void panel_6(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 6:
        tiles(6, TILE_VECS, job, count)


cdef void panel_7(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 7:
        tiles(7, TILE_VECS, job, count)


cdef void panel_8(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 8:
        tiles(8, TILE_VECS, job, count)


cdef void panel_9(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 9:
        tiles(9, TILE_VECS, job, count)


cdef void panel_10(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 10:
        tiles(10, TILE_VECS, job, count)


cdef void panel_11(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 11:
        tiles(11, TILE_VECS, job, count)


cdef void panel_12(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 12:
        tiles(12, TILE_VECS, job, count)


cdef void panel_13(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 13:
        tiles(13, TILE_VECS, job, count)


cdef void panel_14(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 14:
        tiles(14, TILE_VECS, job, count)


cdef void vector_1(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(1, 1, job, count)


cdef void vector_2(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(2, 1, job, count)


cdef void vector_3(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(3, 1, job, count)


cdef void vector_4(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(4, 1, job, count)


cdef void vector_5(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 5:
        tiles(5, 1, job, count)


cdef void vector_6(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 6:
        tiles(6, 1, job, count)


cdef void vector_7(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 7:
        tiles(7, 1, job, count)


cdef void vector_8(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 8:
        tiles(8, 1, job, count)


cdef void vector_9(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 9:
        tiles(9, 1, job, count)


cdef void vector_10(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 10:
        tiles(10, 1, job, count)


cdef void vector_11(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 11:
        tiles(11, 1, job, count)


cdef void vector_12(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 12:
        tiles(12, 1, job, count)


cdef void vector_13(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 13:
        tiles(13, 1, job, count)


cdef void vector_14(tile_job *job, Py_ssize_t count) noexcept nogil:
    if TILE_ROWS >= 14:
        tiles(14, 1, job, count)


cdef void pair_1(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(1, 2 * TILE_VECS, job, count)


cdef void pair_2(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(2, 2 * TILE_VECS, job, count)


cdef void pair_3(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(3, 2 * TILE_VECS, job, count)


cdef void strip_1(tile_job *job, Py_ssize_t count) noexcept nogil:
    tiles(1, STRIP_VECS, job, count)


cdef tiles_kernel *PANELS = [
    panel_1, panel_2, panel_3, panel_4, panel_5,
    panel_6, panel_7, panel_8, panel_9, panel_10,
    panel_11, panel_12, panel_13, panel_14,
]
cdef tiles_kernel *VECTORS = [
    vector_1, vector_2, vector_3, vector_4, vector_5,
    vector_6, vector_7, vector_8, vector_9, vector_10,
    vector_11, vector_12, vector_13, vector_14,
]
cdef tiles_kernel *PAIRS = [pair_1, pair_2, pair_3]


cdef inline tiles_kernel kernel_of(Py_ssize_t rows, int vecs) noexcept nogil:
    if vecs == 1:
        return VECTORS[rows - 1]
    if vecs == TILE_VECS:
        return PANELS[rows - 1]
    return PAIRS[rows - 1] if vecs == 2 * TILE_VECS else strip_1
