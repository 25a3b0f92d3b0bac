# One instruction set's kernels for one real type: the whole of each module in isa/.

from cpython.pycapsule cimport PyCapsule_New
from libc.math cimport INFINITY

from fastnn._core.table cimport IDENTITY, LOG_SOFTMAX, RELU, SOFTMAX
from fastnn._core.table cimport fastnn_dense, fastnn_kernels

include "simd.pxi"
include "functions.pxi"
include "activations.pxi"
include "columns.pxi"
include "normalize.pxi"
include "tiles.pxi"
include "dots.pxi"
include "dense.pxi"
include "probes.pxi"

ctypedef void (*elementwise_kernel)(int, const double *, const void *, void *, Py_ssize_t) noexcept nogil
ctypedef void (*normalize_kernel)(int, void *, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
ctypedef void (*to_columns_kernel)(
    const void *, Py_ssize_t, Py_ssize_t, Py_ssize_t, void *, Py_ssize_t
) noexcept nogil
ctypedef void (*from_columns_kernel)(
    const void *, Py_ssize_t, Py_ssize_t, Py_ssize_t, void *, Py_ssize_t
) noexcept nogil
ctypedef double (*read_kernel)(const void *, Py_ssize_t, Py_ssize_t) noexcept nogil
ctypedef void (*exponential_kernel)(bint, const void *, void *, Py_ssize_t) noexcept nogil

cdef fastnn_kernels table
table.lanes = VECTOR_LANES
table.panel = PANEL
table.tile_rows = TILE_ROWS
table.fused = FUSED
table.dense = dense
table.activate = <elementwise_kernel>activate
table.differentiate = <elementwise_kernel>differentiate
table.normalize = <normalize_kernel>normalize
table.to_columns = <to_columns_kernel>to_columns
table.from_columns = <from_columns_kernel>from_columns
table.multiply_adds = multiply_adds
table.read = <read_kernel>read
table.exponential = <exponential_kernel>exponential

kernels = PyCapsule_New(&table, "fastnn.kernels", NULL)
