# What Python calls: arrays in any layout become rows that the engine reads as they lie, and its rows arrays.


@cython.no_gc_clear
cdef class Plan(Engine):
    """An engine that takes and returns arrays."""

    def __call__(self, x, out=None, threads=None):
        """Return the output for one example or a batch.

        Parameters
        ----------
        x : array_like, shape (n_inputs,) or (B, n_inputs)
            Real numbers, of any dtype, in any layout.
        out : ndarray, optional
            Where to write the result: of its shape and the network's dtype. Where it overlaps x, x is copied.
        threads : int, optional
            How many threads, at most twice the processors; by default as many as are worth it, up to
            `get_num_threads`.

        Returns
        -------
        ndarray, shape (n_outputs,) or (B, n_outputs)
            In the network's dtype; `out` if given.

        Raises
        ------
        TypeError
            If x holds no real numbers, `out` has another dtype, or threads is no integer.
        ValueError
            If x or `out` has another shape, `out` can't be written, or threads is below 1.

        Examples
        --------
        >>> import fastnn
        >>> net = fastnn.Network([fastnn.Dense([[0.4, -0.3], [-0.2, 0.5]])])
        >>> net([1.0, 0.0])
        array([ 0.4, -0.2])
        >>> net([[1.0, 0.0], [0.0, 1.0]])
        array([[ 0.4, -0.2],
               [-0.3,  0.5]])
        """
        cdef cnp.ndarray source, result
        cdef cnp.npy_intp shape[2]
        cdef int n_threads = 0 if threads is None else thread_count("threads", threads)
        if not cnp.PyArray_CheckExact(x) or not self.is_direct(<cnp.ndarray>x):
            return self.call_checked(real_array("x", x), out, n_threads)
        source = <cnp.ndarray>x
        if out is not None:
            if not cnp.PyArray_CheckExact(out) or not self.fits(<cnp.ndarray>out, source):
                return self.call_checked(real_array("x", x), out, n_threads)
            self.run_direct(source, <cnp.ndarray>out, n_threads)
            return out
        shape[0] = cnp.PyArray_DIM(source, 0)
        shape[cnp.PyArray_NDIM(source) - 1] = self.n_outputs
        result = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(source), shape, self.typenum, 0)
        self.run_direct(source, result, n_threads)
        return result

    cdef object call_checked(self, cnp.ndarray x, out, int threads):
        cdef tuple expected
        cdef cnp.ndarray target
        if self.n_layers == 0:
            raise RuntimeError("this network was never built: call its constructor")
        if x.ndim not in (1, 2) or x.shape[x.ndim - 1] != self.n_inputs:
            raise ValueError(
                f"x has shape {np.shape(x)}, but the network expects ({self.n_inputs},) "
                f"or (B, {self.n_inputs})"
            )
        expected = np.shape(x)[: x.ndim - 1] + (self.n_outputs,)
        if out is None:
            target = out = np.empty(expected, self.dtype)
        else:
            target = check_out(out, expected, self.dtype)
            if may_overlap(x, target):
                x = x.copy()
        self.run_arrays(np.atleast_2d(x), np.atleast_2d(target), threads)
        return out

    cdef int run_arrays(self, cnp.ndarray x, cnp.ndarray out, int threads) except -1:
        cdef Py_ssize_t rows = x.shape[0]
        cdef bint x_direct = self.is_direct(x)
        cdef bint out_direct = self.has_direct_rows(out)
        cdef bint share
        cdef Py_ssize_t i, step, width
        cdef cnp.ndarray source, target
        if (x_direct and out_direct) or rows == 0:
            return self.run_direct(x, out, threads)
        threads = self.threads_for(rows, threads, &share)
        width = (0 if x_direct else self.n_inputs) + (0 if out_direct else self.n_outputs)
        step = max(threads * (SCRATCH_BYTES - self.scratch_step), MIN_CHUNK_BYTES)
        step = max(step // (max(width, 1) * self.itemsize), 1)
        step = min(step, rows)
        x_chunk = None if x_direct else np.empty((step, self.n_inputs), self.dtype)
        out_chunk = None if out_direct else np.empty((step, self.n_outputs), self.dtype)
        for i in range(0, rows, step):
            source, target = x[i : i + step], out[i : i + step]
            if not x_direct:
                with np.errstate(all="ignore"), dispatch.StandardMode():
                    np.copyto(x_chunk[: len(source)], source, casting="unsafe")
                source = x_chunk[: len(source)]
            if not out_direct:
                target = out_chunk[: len(target)]
            self.run_direct(source, target, threads)
            if not out_direct:
                out[i : i + step] = target
            PyErr_CheckSignals()
        return 0

    cdef bint is_direct(self, cnp.ndarray x):
        # Whether x needs no conversion and no message.
        cdef int ndim = cnp.PyArray_NDIM(x)
        return (
            self.n_layers > 0
            and 1 <= ndim <= 2
            and cnp.PyArray_DIM(x, ndim - 1) == self.n_inputs
            and self.has_direct_rows(x)
        )

    cdef bint fits(self, cnp.ndarray out, cnp.ndarray x):
        # Whether out can take the result for a direct x and needs no message.
        cdef int last = cnp.PyArray_NDIM(x) - 1
        cdef const char *x_end
        cdef const char *out_end
        cdef const char *x_start = memory_of(x, &x_end)
        cdef const char *out_start = memory_of(out, &out_end)
        return (
            cnp.PyArray_NDIM(out) == last + 1
            and cnp.PyArray_DIM(out, last) == self.n_outputs
            and (last == 0 or cnp.PyArray_DIM(out, 0) == cnp.PyArray_DIM(x, 0))
            and cnp.PyArray_ISWRITEABLE(out)
            and self.has_direct_rows(out)
            and (x_end <= out_start or out_end <= x_start)
        )

    cdef bint has_direct_rows(self, cnp.ndarray a):
        # Whether the kernels can address a's rows as they lie.
        cdef int last = cnp.PyArray_NDIM(a) - 1
        return (
            cnp.PyArray_TYPE(a) == self.typenum
            and cnp.PyArray_ISALIGNED(a)
            and cnp.PyArray_ISNOTSWAPPED(a)
            and (cnp.PyArray_DIM(a, last) <= 1 or cnp.PyArray_STRIDE(a, last) == self.itemsize)
            and (last == 0 or cnp.PyArray_STRIDE(a, 0) % self.itemsize == 0)
        )

    cdef int run_direct(self, cnp.ndarray x, cnp.ndarray out, int threads) except -1:
        cdef bint batch = cnp.PyArray_NDIM(x) == 2
        cdef row_block rows
        rows.x = <const char *>cnp.PyArray_DATA(x)
        rows.x_stride = cnp.PyArray_STRIDE(x, 0) // self.itemsize if batch else 0
        rows.rows = cnp.PyArray_DIM(x, 0) if batch else 1
        rows.out = <char *>cnp.PyArray_DATA(out)
        rows.out_stride = cnp.PyArray_STRIDE(out, 0) // self.itemsize if batch else 0
        return self.run(&rows, threads)


cdef inline const char *memory_of(cnp.ndarray a, const char **end):
    # From the first byte to behind the last; strides can be negative.
    cdef const char *start = <const char *>cnp.PyArray_DATA(a)
    cdef Py_ssize_t span
    cdef int i
    end[0] = start + cnp.PyArray_ITEMSIZE(a)
    for i in range(cnp.PyArray_NDIM(a)):
        span = (cnp.PyArray_DIM(a, i) - 1) * cnp.PyArray_STRIDE(a, i)
        if span > 0:
            end[0] += span
        else:
            start += span
    return start
