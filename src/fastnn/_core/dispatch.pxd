from fastnn._core.table cimport fastnn_kernels


cdef class Kernels:
    cdef const fastnn_kernels *table
    cdef object module
    cdef readonly str isa
    cdef readonly object dtype
