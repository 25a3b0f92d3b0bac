"""A network's plan: packed weights, row blocks through all layers, threads, and the path of one example.

A. Weights are packed once, as table.h says; inputs never are.
B. A block of rows goes through all layers before the next one starts, between two buffers that fit in the
   second cache. Threads take blocks; where the rows are few, they share each layer's outputs instead.
C. Where every layer has few outputs, a vector spans examples instead: the roles of weights and inputs swap,
   and columns of examples go through the same kernel.
D. What isn't laid out as the kernels read it is converted a chunk at a time, so memory stays bounded.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport parallel, threadid
from libc.stdint cimport uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fastnn._core.dispatch cimport Kernels, take
from fastnn._core.table cimport FASTNN_START_PANELS, IDENTITY, LOG_SOFTMAX, SOFTMAX
from fastnn._core.table cimport fastnn_dense, fastnn_kernels

import threading

import numpy as np

from fastnn._core import dispatch
from fastnn._core.checks import check_out, may_overlap, real_array, thread_count
from fastnn._core.packing import aligned_zeros, own, pack, pad_rows

cdef extern from "openmp.h" nogil:
    int openmp_max_threads()
    int openmp_processors()
    int openmp_recently()
    void openmp_release_threads()
    int openmp_watch_forks()
    ctypedef struct openmp_team:
        pass
    openmp_team openmp_gather()
    void openmp_begin(openmp_team *team)
    enum:
        OPENMP_SHARES
    ctypedef struct openmp_steps:
        pass
    ctypedef struct openmp_part:
        long next
        long end
    long openmp_claim(openmp_part *part)
    bint openmp_take(openmp_steps *steps, long step, int share)
    long openmp_finish(openmp_steps *steps)
    long openmp_step(openmp_steps *steps)
    void openmp_next(openmp_steps *steps)
    void openmp_await(openmp_steps *steps, long step)

cdef extern from "fpmode.h" nogil:
    uint64_t fp_mode_enter()
    void fp_mode_leave(uint64_t caller)

cnp.import_array()
if openmp_watch_forks():
    raise MemoryError("no memory for what is to be done before a fork")

cdef enum:
    ALIGNMENT = 64
    # The activations of a block, in two buffers. More rows use each weight more often, fewer stay in cache.
    BLOCK_BYTES = 1024 * 1024
    # Wider networks may take this much, to fill a tile's rows.
    MAX_BLOCK_BYTES = 2 * BLOCK_BYTES
    MAX_BLOCK_ROWS = 112
    # A buffer pair this small lives on the stack, for one example or few.
    STACK_BYTES = 16 * 1024
    # A network this narrow lets vectors span examples, if there are that many: MAX_COLUMNS at once, fewer if
    # two buffers of them would outgrow the first cache.
    NARROW_WIDTH = 16
    # A layer of no more outputs but this many inputs or more lets vectors span the inputs.
    DOT_INPUTS = 32
    MAX_COLUMNS = 256
    COLUMN_BYTES = 16 * 1024
    NARROW_BLOCK_ROWS = 2048
    # A first layer of no more weights than this keeps them in the second cache, and asks for the next inputs.
    NEAR_BYTES = 512 * 1024
    # What is converted takes what a thread's SCRATCH_BYTES leave, but this much at least.
    SCRATCH_BYTES = 2 * 1024 * 1024
    MIN_CHUNK_BYTES = 64 * 1024
    # Between the scratch of two threads: processors fetch lines ahead of what is read, within a page.
    SCRATCH_GAP = 4 * 1024

# Multiply-adds; an activation counts for ACTIVATION_WORK. Below MIN_NOGIL_WORK, handing over the interpreter
# lock costs more than it gives.
cdef Py_ssize_t ACTIVATION_WORK = 32
cdef double MIN_NOGIL_WORK = 20_000

# What a call must have for each of its threads, about 13 microseconds. benchmarks/scaling.py finds two
# threads as fast as one from 0.5 million for both, and 1.4 times as fast from 2. Workers that sleep take 50
# to 110 microseconds to wake, and the caller waits for them: then WAKING_WORK. Fewer rows than
# MIN_THREAD_ROWS don't use the weights often enough to gain by sharing them.
cdef double MIN_THREAD_WORK = 1_000_000
cdef double WAKING_WORK = 10_000_000
cdef Py_ssize_t MIN_THREAD_ROWS = 14

# Threads share each layer's outputs where every one gets this many bytes of weights, in the mean of the
# layers, and fewer than SHARED_ROWS rows. For less, waiting for each other costs more than it gives; with
# more rows, it takes as long to pass the activations from cache to cache as to read all the weights. After a
# pause, when the weights come from memory, a byte of them counts for READ_WORK.
cdef Py_ssize_t MIN_SHARE_BYTES = 128 * 1024
cdef Py_ssize_t SHARED_ROWS = 24
cdef double READ_WORK = 3

# Multiply-adds for each lane of a vector between two looks at signals, such as Ctrl-C: some 10 milliseconds,
# a hundred of scalar C. The interpreter lock is taken each time, which can take 5 more.
cdef double SIGNAL_WORK = 50_000_000
# As many times that, a fifth of a second, for the rows that share a pass over the weights of large layers.
cdef double PATIENCE = 10

cdef int default_threads = 1

ctypedef struct layer_jobs:
    fastnn_dense rows
    fastnn_dense columns

# Rows to take through all layers. Strides in elements.
ctypedef struct row_block:
    const char *x
    Py_ssize_t x_stride
    Py_ssize_t rows
    Py_ssize_t next_rows        # how many the same thread may take next, behind them
    char *out
    Py_ssize_t out_stride
    char *scratch


def set_default_threads(int n):
    """Set how many threads a call takes that doesn't say."""
    global default_threads
    default_threads = n


def openmp_threads():
    """Return how many threads OpenMP would start for this thread."""
    return openmp_max_threads()


def release_threads():
    """End the worker threads that this thread keeps, as a fork needs."""
    openmp_release_threads()


cdef bint handles_signals() except -1:
    # Python runs the handlers of signals in its main thread alone.
    return threading.get_ident() == threading.main_thread().ident


@cython.no_gc_clear  # the jobs point into what `keep` holds
cdef class Engine:
    """Layers made ready to run with one instruction set, on rows of the network's dtype.

    Parameters
    ----------
    layers : sequence of (weight, bias, activation)
        weight (n_outputs, n_inputs) and bias (n_outputs,) as C-contiguous arrays of `dtype`, the activation
        as a `Chosen`; the widths of successive layers agree.
    dtype : dtype
        float32 or float64.
    isa : str, optional
        Another instruction set than the chosen one.
    """

    cdef const fastnn_kernels *kernels
    cdef layer_jobs *jobs
    cdef object keep
    cdef int n_layers
    cdef int typenum
    cdef bint begun, narrow, looks_ahead
    cdef double row_work
    cdef Py_ssize_t weight_bytes, itemsize, stride, columns, columns_bytes
    cdef Py_ssize_t block_rows, scratch_bytes, scratch_step, most_sharers
    cdef readonly cnp.npy_intp n_inputs
    cdef readonly cnp.npy_intp n_outputs
    cdef readonly object dtype

    def __init__(self, layers, dtype, isa=None):
        self.begin()
        cdef Kernels kernels = dispatch.kernels(dtype, isa)
        cdef Py_ssize_t widest = 1
        cdef Py_ssize_t hidden = 1
        cdef Py_ssize_t most_outputs = 0
        cdef int n_layers = len(layers)
        cdef Py_ssize_t n_outputs, n_inputs
        cdef int i
        self.dtype = kernels.dtype
        self.typenum = self.dtype.num
        self.itemsize = self.dtype.itemsize
        self.kernels = kernels.table
        self.keep = [kernels]
        self.narrow = True
        self.jobs = <layer_jobs *>malloc(n_layers * sizeof(layer_jobs))
        if self.jobs == NULL:
            raise MemoryError("no memory for the network's plan")
        for i in range(n_layers):
            weight, bias, activation = layers[i]
            weight, bias = own(weight, bias, self.dtype)
            n_outputs, n_inputs = weight.shape
            if i == 0:
                self.n_inputs = n_inputs
                self.looks_ahead = weight.nbytes <= NEAR_BYTES
            elif n_inputs != self.n_outputs:
                raise ValueError(f"layers[{i}] has {n_inputs} inputs, expected {self.n_outputs}")
            self.n_outputs = n_outputs
            self.add_layer(&self.jobs[i], weight, bias, activation)
            widest = max(widest, n_outputs, n_inputs)
            hidden = max(hidden, n_inputs if i else 1)
            most_outputs = max(most_outputs, n_outputs)
            self.weight_bytes += weight.nbytes
            self.narrow &= n_outputs <= NARROW_WIDTH and n_inputs < DOT_INPUTS
            self.row_work += n_outputs * (n_inputs + ACTIVATION_WORK)
        if not self.narrow:
            self.most_sharers = self.weight_bytes // (n_layers * MIN_SHARE_BYTES)
            self.most_sharers = min(self.most_sharers, most_outputs // self.kernels.panel, OPENMP_SHARES)
        self.size_blocks(widest if self.narrow else hidden)
        self.keep = tuple(self.keep)  # nobody who finds it can empty it
        self.n_layers = n_layers  # from here on it can be called

    cdef int begin(self) except -1:
        # One thread of those that might build it at once.
        with cython.critical_section(self):
            if self.begun:
                raise RuntimeError("a network is built once")
            self.begun = True
        return 0

    def __dealloc__(self):
        free(self.jobs)

    cdef int add_layer(self, layer_jobs *jobs, weight, bias, activation) except -1:
        cdef Py_ssize_t panel = self.kernels.panel
        n_outputs, n_inputs = weight.shape
        start = aligned_zeros(-(-n_outputs // panel) * panel, self.dtype)
        start[:n_outputs] = bias
        few = n_outputs <= NARROW_WIDTH and n_inputs >= DOT_INPUTS
        panels = pad_rows(weight) if few else pack(weight, panel, self.kernels.lanes)
        jobs.rows.depth = n_inputs
        jobs.rows.width = n_outputs
        jobs.rows.panels = cnp.PyArray_DATA(panels)
        jobs.rows.start = cnp.PyArray_DATA(start)
        jobs.rows.start_stride = 0
        jobs.rows.activation = take(activation, jobs.rows.parameters)
        jobs.rows.column_stride = 0
        jobs.rows.weight_stride = panels.shape[1] if few else 0
        jobs.rows.padded = False
        jobs.rows.ahead = NULL
        jobs.rows.ahead_size = 0
        jobs.columns = jobs.rows
        if n_outputs <= NARROW_WIDTH and not few:
            spread = np.ascontiguousarray(np.repeat(bias[:, np.newaxis], FASTNN_START_PANELS * panel, axis=1))
            jobs.columns.x = cnp.PyArray_DATA(weight)
            jobs.columns.x_stride = n_inputs
            jobs.columns.rows = n_outputs
            jobs.columns.start = cnp.PyArray_DATA(spread)
            jobs.columns.start_stride = FASTNN_START_PANELS * panel
            self.keep.append((weight, spread))
        self.keep.append((panels, start))
        return 0

    cdef void size_blocks(self, Py_ssize_t widest):
        # widest: of what stands in the buffers.
        cdef Py_ssize_t line = ALIGNMENT // self.itemsize
        cdef Py_ssize_t tile = self.kernels.tile_rows
        cdef Py_ssize_t row_bytes
        # An odd number of cache lines: rows 4096 bytes apart would compete for one set of the first cache.
        self.stride = ((widest + line - 1) // line | 1) * line
        if self.narrow:
            self.columns = min(COLUMN_BYTES // (widest * self.itemsize), MAX_COLUMNS)
            self.columns = max(self.columns // self.kernels.panel, 1) * self.kernels.panel
            self.block_rows = NARROW_BLOCK_ROWS
            self.columns_bytes = widest * self.columns * self.itemsize
            # Or for the few rows that don't become columns.
            self.scratch_bytes = 2 * max(
                self.columns_bytes, self.kernels.lanes // 2 * self.stride * self.itemsize
            )
        else:
            row_bytes = 2 * self.stride * self.itemsize
            if row_bytes * tile <= BLOCK_BYTES:
                self.block_rows = min(BLOCK_BYTES // row_bytes, MAX_BLOCK_ROWS) // tile * tile
            else:
                self.block_rows = max(min(MAX_BLOCK_BYTES // row_bytes, tile), 1)
            self.scratch_bytes = 2 * self.block_rows * self.stride * self.itemsize
        self.scratch_step = self.scratch_bytes + SCRATCH_GAP

    cdef int run(self, const row_block *whole, int threads) except -1:
        # `threads` 0: as many as are worth it.
        cdef bint share
        if whole.rows == 0 or self.n_outputs == 0:
            return 0
        threads = self.threads_for(whole.rows, threads, &share)
        if (threads == 1 or share) and self.fits_on_stack(whole.rows):
            self.run_on_stack(whole, threads)
            return 0
        if share:
            return self.run_blocks(whole, self.block_rows, 1, threads)
        if self.row_work * whole.rows > SIGNAL_WORK * self.kernels.lanes and handles_signals():
            return self.run_stretches(whole, threads)
        return self.run_stretch(whole, threads)

    cdef int run_stretches(self, const row_block *whole, int threads) except -1:
        # One stretch of rows after the other, so that Ctrl-C needn't wait for the end.
        cdef row_block part = whole[0]
        cdef Py_ssize_t tile = self.kernels.tile_rows
        cdef double budget = SIGNAL_WORK * self.kernels.lanes / self.row_work
        cdef Py_ssize_t rows
        cdef Py_ssize_t left = whole.rows
        cdef Py_ssize_t stretch
        # For each thread: whole blocks, or a part of one where layers are large.
        if budget >= self.block_rows:
            rows = <Py_ssize_t>budget // self.block_rows * self.block_rows
        elif self.kernels.lanes > 1:
            # Vectors wait for the weights where few rows share them.
            rows = min(max(<Py_ssize_t>(PATIENCE * budget) // tile, 1) * tile, self.block_rows)
        else:
            rows = max(<Py_ssize_t>budget, 1)
        stretch = rows * threads
        while left > 0:
            part.rows = min(stretch, left)
            self.run_stretch(&part, threads)
            part.x += part.rows * part.x_stride * self.itemsize
            part.out += part.rows * part.out_stride * self.itemsize
            left -= part.rows
            PyErr_CheckSignals()
        return 0

    cdef int run_stretch(self, const row_block *whole, int threads) except -1:
        cdef Py_ssize_t step = self.block_rows
        cdef Py_ssize_t blocks
        if threads > 1:
            # As many blocks for each thread, all of a size.
            blocks = (whole.rows + step * threads - 1) // (step * threads) * threads
            step = (whole.rows + blocks - 1) // blocks
        return self.run_blocks(whole, step, threads, 1)

    cdef int run_blocks(self, const row_block *whole, Py_ssize_t step, int threads, int sharers) except -1:
        # Threads take blocks of `step` rows, or share each of them.
        cdef Py_ssize_t blocks = (whole.rows + step - 1) // step
        cdef Py_ssize_t block
        cdef char *memory
        cdef char *scratch
        threads = <int>min(threads, blocks)
        memory = <char *>malloc(threads * self.scratch_step + ALIGNMENT)
        if memory == NULL:
            raise MemoryError(f"no memory for {threads * self.scratch_step} bytes of scratch")
        scratch = aligned(memory)
        if threads > 1:
            share_blocks(self, whole, step, blocks, scratch, threads)
        elif sharers > 1:
            for block in range(blocks):
                share_layers(self, whole, step, block, scratch, sharers)
        else:
            with nogil:
                for block in range(blocks):
                    self.run_block(whole, step, block, scratch)
        free(memory)
        return 0

    cdef int threads_for(self, Py_ssize_t rows, int asked, bint *share):
        # `asked` 0: as many as are worth it. `share`: each layer's outputs instead of the rows.
        cdef double work = self.row_work * rows
        cdef double most = min(asked or default_threads, self.most_sharers)
        share[0] = most >= 2 and rows < SHARED_ROWS * most
        if asked == 1:
            return 1
        if asked > 1:
            # OpenMP ends the process where it can't start a thread; more than these wouldn't help anyway.
            return min(<int>most if share[0] else asked, 2 * openmp_processors())
        if not share[0]:
            most = min(work / MIN_THREAD_WORK, <double>(rows // MIN_THREAD_ROWS), default_threads)
        if most < 2:
            return 1
        if not openmp_recently():
            work += READ_WORK * self.weight_bytes if share[0] else 0
            most = min(most, work / WAKING_WORK)
        # A worker process may have been given fewer processors than it began with.
        return max(min(<int>most, openmp_max_threads(), openmp_processors()), 1)

    cdef bint fits_on_stack(self, Py_ssize_t rows):
        if rows > self.block_rows:
            return False
        return (self.scratch_bytes if self.narrow else 2 * rows * self.stride * self.itemsize) <= STACK_BYTES

    cdef void run_on_stack(self, const row_block *whole, int sharers):
        cdef char scratch[STACK_BYTES + ALIGNMENT]
        if sharers > 1:
            share_layers(self, whole, whole.rows, 0, aligned(scratch), sharers)
        elif self.row_work * whole.rows < MIN_NOGIL_WORK:
            self.run_block(whole, whole.rows, 0, aligned(scratch))
        else:
            with nogil:
                self.run_block(whole, whole.rows, 0, aligned(scratch))

    cdef void run_block(
        self, const row_block *whole, Py_ssize_t step, Py_ssize_t index, char *scratch
    ) noexcept nogil:
        cdef uint64_t mode = fp_mode_enter()
        cdef row_block block = rows_of(self, whole, step, index, scratch)
        if self.narrow and block.rows > self.kernels.lanes // 2:
            self.run_columns(&block)
        else:
            self.run_rows(&block)
        fp_mode_leave(mode)

    cdef void run_rows(self, const row_block *block) noexcept nogil:
        cdef fastnn_dense job
        cdef int i
        for i in range(self.n_layers):
            start_layer(self, block, i, &job)
            if i == 0 and self.looks_ahead and 0 < block.x_stride <= 2 * self.n_inputs:
                job.ahead = block.x + block.rows * block.x_stride * self.itemsize
                job.ahead_size = block.next_rows * block.x_stride
            self.kernels.dense(&job)

    cdef void run_columns(self, const row_block *block) noexcept nogil:
        cdef Py_ssize_t panel = self.kernels.panel
        cdef char *here = block.scratch
        cdef char *there = block.scratch + self.columns_bytes
        cdef Py_ssize_t first = 0
        cdef Py_ssize_t count
        cdef fastnn_dense job
        cdef int i
        while first < block.rows:
            count = min(block.rows - first, self.columns)
            self.kernels.to_columns(
                block.x + first * block.x_stride * self.itemsize, block.x_stride, count, self.n_inputs,
                here, self.columns,
            )
            for i in range(self.n_layers):
                job = self.jobs[i].columns
                job.panels = here
                job.column_stride = self.columns
                job.width = (count + panel - 1) // panel * panel
                job.out = there
                job.out_stride = self.columns
                self.kernels.dense(&job)
                here, there = there, here
            self.kernels.from_columns(
                here, self.columns, count, self.n_outputs,
                block.out + first * block.out_stride * self.itemsize, block.out_stride,
            )
            first += count


cdef inline row_block rows_of(
    Engine engine, const row_block *whole, Py_ssize_t step, Py_ssize_t index, char *scratch
) noexcept nogil:
    # The rows of `whole` from index * step on: `step` of them, or what is left.
    cdef Py_ssize_t first = index * step
    cdef row_block block = whole[0]
    block.rows = min(step, whole.rows - first)
    block.next_rows = min(step, whole.rows - first - block.rows)
    block.x += first * block.x_stride * engine.itemsize
    block.out += first * block.out_stride * engine.itemsize
    block.scratch = scratch
    return block


cdef inline void start_layer(Engine engine, const row_block *block, int i, fastnn_dense *job) noexcept nogil:
    # Layer i, from one buffer to the other; the first one reads x, the last one writes out.
    cdef Py_ssize_t buffer_bytes = block.rows * engine.stride * engine.itemsize
    job[0] = engine.jobs[i].rows
    job.rows = block.rows
    if i == 0:
        job.x = block.x
        job.x_stride = block.x_stride
    else:
        job.x = block.scratch + (i - 1) % 2 * buffer_bytes
        job.x_stride = engine.stride
    if i == engine.n_layers - 1:
        job.out = block.out
        job.out_stride = block.out_stride
    else:
        job.out = block.scratch + i % 2 * buffer_bytes
        job.out_stride = engine.stride
        job.padded = True


cdef inline char *aligned(char *p) noexcept nogil:
    return p + (-<uintptr_t>p) % ALIGNMENT


include "sharing.pxi"
include "plan.pxi"
