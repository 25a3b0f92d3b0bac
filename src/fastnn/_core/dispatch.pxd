from fastnn._core.table cimport FASTNN_MOST_PARAMETERS, fastnn_kernels


cdef class Kernels:
    cdef const fastnn_kernels *table
    cdef object module
    cdef readonly str isa
    cdef readonly object dtype


cdef inline int take(activation, double *parameters) except -1:
    # The number of a `Chosen`, and its parameters, zeros behind them.
    cdef int i
    for i in range(FASTNN_MOST_PARAMETERS):
        parameters[i] = activation.parameters[i] if i < len(activation.parameters) else 0
    return activation.number
