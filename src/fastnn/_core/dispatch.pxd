cimport numpy as cnp

from fastnn._core.table cimport FASTNN_MOST_PARAMETERS, fastnn_kernels

ctypedef void (*elementwise_kernel)(int, const double *, const void *, void *, Py_ssize_t) noexcept nogil


cdef class Kernels:
    cdef const fastnn_kernels *table
    cdef object module
    cdef readonly str isa
    cdef readonly object dtype
    cdef int run(self, elementwise_kernel kernel, activation, cnp.ndarray z, cnp.ndarray out) except -1


cdef inline int take(activation, double *parameters) except -1:
    # The number of a `Chosen`, and its parameters, zeros behind them.
    number, given = activation
    cdef Py_ssize_t n = len(given)
    cdef Py_ssize_t i
    for i in range(FASTNN_MOST_PARAMETERS):
        parameters[i] = given[i] if i < n else 0
    return number
