# Few rows on several threads, which share each layer, one layer after the other.
#
# They share its outputs by whole panels, so that a thread reads only its part of the weights; where there are
# too few panels for that, its rows. A thread begins with the same share in every call, and finds its weights
# in its caches. The bits are the same as ever: no sum is cut.


cdef void share_layers(Engine engine, const row_block *block, int threads) noexcept nogil:
    cdef openmp_team team = openmp_gather()
    cdef openmp_steps steps
    memset(&steps, 0, sizeof(steps))
    with parallel(num_threads=threads):
        openmp_begin(&team)
        take_shares(engine, block, &steps, threadid(), threads)


cdef void take_shares(
    Engine engine, const row_block *block, openmp_steps *steps, int thread, int threads
) noexcept nogil:
    cdef uint64_t mode = fp_mode_enter()
    cdef long layer = openmp_step(steps)
    cdef int k, share
    while layer < engine.n_layers:
        for k in range(threads):
            share = (thread + k) % threads
            if openmp_take(steps, layer, share):
                run_share(engine, block, layer, share, threads)
                if openmp_finish(steps) == (layer + 1) * threads:
                    complete_rows(engine, block, layer, threads)
                    openmp_next(steps)
        openmp_await(steps, layer)
        layer = openmp_step(steps)
    fp_mode_leave(mode)


cdef bint outputs_are_shared(Engine engine, const row_block *block, int layer, int threads) noexcept nogil:
    # Rather than rows: the largest share decides, but for an eighth.
    cdef Py_ssize_t panels = count_panels(engine, engine.jobs[layer].rows.width)
    cdef Py_ssize_t by_outputs = block.rows * part_end(panels, 0, threads)
    cdef Py_ssize_t by_rows = panels * part_end(block.rows, 0, threads)
    return by_outputs <= by_rows + by_rows // 8


cdef bint cuts_rows_up(Engine engine, const row_block *block, int layer, int threads) noexcept nogil:
    # Whether a row that has to be normalized is complete only when all shares are.
    cdef const fastnn_dense *job = &engine.jobs[layer].rows
    return (
        (job.activation == SOFTMAX or job.activation == LOG_SOFTMAX)
        and job.width > engine.kernels.panel
        and outputs_are_shared(engine, block, layer, threads)
    )


cdef void run_share(Engine engine, const row_block *block, int layer, int share, int threads) noexcept nogil:
    cdef fastnn_dense job
    cdef Py_ssize_t itemsize = engine.itemsize
    cdef Py_ssize_t first, panels
    start_layer(engine, block, layer, &job)
    if outputs_are_shared(engine, block, layer, threads):
        if cuts_rows_up(engine, block, layer, threads):
            job.activation = IDENTITY
        panels = count_panels(engine, job.width)
        first = part_end(panels, share - 1, threads) * engine.kernels.panel
        job.width = min(part_end(panels, share, threads) * engine.kernels.panel, job.width) - first
        job.panels = <const char *>job.panels + first * (job.weight_stride or job.depth) * itemsize
        job.start = <const char *>job.start + first * itemsize
        job.out = <char *>job.out + first * itemsize
    else:
        first = part_end(job.rows, share - 1, threads)
        job.rows = part_end(job.rows, share, threads) - first
        job.x = <const char *>job.x + first * job.x_stride * itemsize
        job.out = <char *>job.out + first * job.out_stride * itemsize
    if job.width > 0 and job.rows > 0:
        engine.kernels.dense(&job)


cdef void complete_rows(Engine engine, const row_block *block, int layer, int threads) noexcept nogil:
    cdef fastnn_dense job
    if cuts_rows_up(engine, block, layer, threads):
        start_layer(engine, block, layer, &job)
        engine.kernels.normalize(job.activation, job.out, job.out_stride, job.rows, job.width)


cdef inline Py_ssize_t count_panels(Engine engine, Py_ssize_t width) noexcept nogil:
    return (width + engine.kernels.panel - 1) // engine.kernels.panel


cdef inline Py_ssize_t part_end(Py_ssize_t n, int part, int parts) noexcept nogil:
    # Where that part of n things ends, and the next one begins; the first parts are the larger ones.
    return (n * (part + 1) + parts - 1) // parts
