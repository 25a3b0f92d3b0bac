# Several threads: they take blocks of rows, or share each layer of few rows, one layer after the other.
#
# A thread begins with the same blocks or share in every call, and finds what is the same again in its caches.
#
# They share a layer's outputs by whole panels, so that a thread reads only its part of the weights; where
# there are too few panels for that, its rows. The bits are the same as ever: no sum is cut.


cdef void share_blocks(
    Engine engine, const row_block *whole, Py_ssize_t step, Py_ssize_t blocks, char *scratch, int threads
) noexcept:
    cdef openmp_team team = openmp_gather()
    cdef openmp_part parts[OPENMP_SHARES]
    cdef int n_parts = min(threads, OPENMP_SHARES)
    cdef int thread, i
    for i in range(n_parts):
        parts[i].next = <long>part_end(blocks, i - 1, n_parts)
        parts[i].end = <long>part_end(blocks, i, n_parts)
    with nogil, parallel(num_threads=threads):
        openmp_begin(&team)
        thread = threadid()
        take_blocks(engine, whole, step, scratch + thread * engine.scratch_step, parts, thread, n_parts)


cdef void take_blocks(
    Engine engine, const row_block *whole, Py_ssize_t step, char *scratch,
    openmp_part *parts, int thread, int n_parts,
) noexcept nogil:
    # Of its own part first, then what nobody has begun of the others'.
    cdef openmp_part *part
    cdef long block
    cdef int k
    for k in range(n_parts):
        part = &parts[(thread + k) % n_parts]
        block = openmp_claim(part)
        while block < part.end:
            engine.run_block(whole, step, block, scratch)
            block = openmp_claim(part)


cdef void share_layers(
    Engine engine, const row_block *whole, Py_ssize_t step, Py_ssize_t index, char *scratch, int threads
) noexcept:
    cdef row_block block = rows_of(engine, whole, step, index, scratch)
    cdef openmp_team team = openmp_gather()
    cdef openmp_steps steps
    memset(&steps, 0, sizeof(steps))
    with nogil, parallel(num_threads=threads):
        openmp_begin(&team)
        take_shares(engine, &block, &steps, threadid(), threads)


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
