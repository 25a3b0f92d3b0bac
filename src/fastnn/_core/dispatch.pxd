from fastnn._core.table cimport FASTNN_MOST_PARAMETERS, fastnn_kernels


cdef class Kernels:
    cdef const fastnn_kernels *table
    cdef object module
    cdef readonly str isa
    cdef readonly object dtype


cdef inline int take(activation, double *parameters) except -1:
    # The number of a `Chosen`, and its parameters, zeros behind them.
    number, given = activation
    cdef Py_ssize_t n = len(given)
    cdef Py_ssize_t i
    for i in range(FASTNN_MOST_PARAMETERS):
        parameters[i] = given[i] if i < n else 0
    return number
