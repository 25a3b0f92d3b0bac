"""Which instruction set runs: what was built, what the processor has, and what FASTNN_ISA asks for."""

import importlib
import os

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uint64_t, uintptr_t

from fastnn._core.table cimport FASTNN_MOST_PARAMETERS

import numpy as np

from fastnn import _build_info

cdef extern from "cpu.h":
    int cpu_has_avx512()
    int cpu_has_avx2()
    int cpu_has_sse2()
    int cpu_has_neon()

cdef extern from "fpmode.h" nogil:
    uint64_t fp_mode_enter()
    void fp_mode_leave(uint64_t caller)

cdef extern from "<fenv.h>" nogil:
    int FE_TONEAREST
    int fegetround()
    int fesetround(int rounding)

cnp.import_array()

ON_THIS_CPU = {
    "avx512": bool(cpu_has_avx512()),
    "avx2": bool(cpu_has_avx2()),
    "neon": bool(cpu_has_neon()),
    "sse2": bool(cpu_has_sse2()),
    "scalar": True,
}

# Below this many elements, handing over the interpreter lock costs more than the work.
cdef Py_ssize_t MIN_NOGIL_ELEMENTS = 2048

# Between two looks at signals, such as Ctrl-C: some milliseconds, a tenth of a second of scalar C.
cdef Py_ssize_t SIGNAL_ELEMENTS = 2**21


cdef class Kernels:
    """The kernels of one instruction set for one dtype."""

    def __cinit__(self, str isa, dtype):
        if isa not in available_isas():
            raise ValueError(f"isa is {isa!r}, expected one of {', '.join(available_isas())}")
        self.isa = isa
        self.dtype = np.dtype(dtype)
        self.module = importlib.import_module(f"fastnn._core.isa.{isa}_f{8 * self.dtype.itemsize}")
        self.table = <const fastnn_kernels *>PyCapsule_GetPointer(self.module.kernels, "fastnn.kernels")

    @property
    def lanes(self):
        """Reals in a vector."""
        return self.table.lanes

    @property
    def panel(self):
        """Columns in a panel of packed weights."""
        return self.table.panel

    @property
    def tile_rows(self):
        """Rows in a register tile."""
        return self.table.tile_rows

    @property
    def fused(self):
        """Whether a product and a sum are rounded once."""
        return bool(self.table.fused)

    # The arrays are C-contiguous, of the kernels' dtype, and of one size; arrays.py sees to that.

    def activate(self, activation, cnp.ndarray z, cnp.ndarray out):
        """out = activation(z), elementwise."""
        self.run(self.table.activate, activation, z, out)

    def differentiate(self, activation, cnp.ndarray z, cnp.ndarray out):
        """out = activation'(z), elementwise."""
        self.run(self.table.differentiate, activation, z, out)

    cdef int run(self, elementwise_kernel kernel, activation, cnp.ndarray z, cnp.ndarray out) except -1:
        cdef double parameters[FASTNN_MOST_PARAMETERS]
        cdef int number = take(activation, parameters)
        cdef Py_ssize_t left = cnp.PyArray_SIZE(z)
        cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(z)
        cdef const char *source = <const char *>cnp.PyArray_DATA(z)
        cdef char *target = <char *>cnp.PyArray_DATA(out)
        cdef Py_ssize_t n
        cdef uint64_t mode
        if left < MIN_NOGIL_ELEMENTS:
            mode = fp_mode_enter()
            kernel(number, parameters, source, target, left)
            fp_mode_leave(mode)
            return 0
        while left > 0:
            n = min(left, SIGNAL_ELEMENTS)
            with nogil:
                mode = fp_mode_enter()
                kernel(number, parameters, source, target, n)
                fp_mode_leave(mode)
            source += n * itemsize
            target += n * itemsize
            left -= n
            PyErr_CheckSignals()
        return 0

    def normalize(self, activation, cnp.ndarray z):
        """Softmax or log-softmax over the last axis of z, in place."""
        cdef int number = activation.number
        cdef Py_ssize_t n = z.shape[z.ndim - 1]
        cdef Py_ssize_t left = cnp.PyArray_SIZE(z) // n if n else 0
        cdef Py_ssize_t stretch = max(SIGNAL_ELEMENTS // n, 1) if n else 1
        cdef char *target = <char *>cnp.PyArray_DATA(z)
        cdef Py_ssize_t rows
        cdef uint64_t mode
        while left > 0:
            rows = min(left, stretch)
            with nogil:
                mode = fp_mode_enter()
                self.table.normalize(number, target, n, rows, n)
                fp_mode_leave(mode)
            target += rows * n * cnp.PyArray_ITEMSIZE(z)
            left -= rows
            PyErr_CheckSignals()

    def multiply_adds(self, Py_ssize_t steps):
        """Do nothing but multiply-adds for a while; return how many, those of each lane counted."""
        with nogil:
            self.table.multiply_adds(steps)
        return steps * self.table.tile_rows * self.table.panel

    def read(self, cnp.ndarray a, Py_ssize_t times=1):
        """Read all of a as fast as can be, again and again; return its sum times `times`, roughly."""
        cdef const void *source = cnp.PyArray_DATA(a)
        cdef Py_ssize_t n = cnp.PyArray_SIZE(a)
        cdef double total
        with nogil:
            total = self.table.read(source, n, times)
        return total

    def exponential(self, cnp.ndarray z, cnp.ndarray out, bint normal=False):
        """out = e^-|z|, elementwise; `normal`: as it is computed where no result is subnormal."""
        cdef Py_ssize_t n = cnp.PyArray_SIZE(z)
        cdef const void *source = cnp.PyArray_DATA(z)
        cdef void *target = cnp.PyArray_DATA(out)
        cdef uint64_t mode
        with nogil:
            mode = fp_mode_enter()
            self.table.exponential(normal, source, target, n)
            fp_mode_leave(mode)


cdef class StandardMode:
    """A `with` block whose arithmetic, NumPy's conversions above all, is that of the kernels.

    It is rounded to nearest, and subnormals are kept. Afterwards the calling thread's mode is what it was.
    """

    cdef int rounding
    cdef uint64_t mode

    def __enter__(self):
        # The rounding of long double is set apart from that of SSE.
        self.rounding = fegetround()
        fesetround(FE_TONEAREST)
        self.mode = fp_mode_enter()

    def __exit__(self, *exception):
        fp_mode_leave(self.mode)
        fesetround(self.rounding)


def address(cnp.ndarray a):
    """Return where a's first element is. NumPy's __array_interface__ crashes where memory runs out."""
    return <uintptr_t>cnp.PyArray_DATA(a)


def available_isas():
    """Return the instruction sets that this build and this processor both have, best first.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> import fastnn
    >>> "scalar" in fastnn.available_isas()
    True
    """
    return tuple(isa for isa in _build_info.ISAS if ON_THIS_CPU[isa])


def isa():
    """Return the name of the instruction set that runs, chosen when fastnn is imported.

    The environment variable ``FASTNN_ISA`` forces one of `available_isas`.

    Returns
    -------
    str

    Examples
    --------
    >>> import fastnn
    >>> fastnn.isa() in fastnn.available_isas()
    True
    """
    return CHOSEN


_loaded = {}


def kernels(dtype, str isa=None):
    """Return the `Kernels` of a dtype, loading their module when first asked for."""
    key = (np.dtype(dtype).char, isa or CHOSEN)
    found = _loaded.get(key)
    if found is None:
        found = _loaded.setdefault(key, Kernels(key[1], dtype))
    return found


def _choose():
    wanted = os.environ.get("FASTNN_ISA", "").strip().lower()
    available = available_isas()
    if not wanted:
        return available[0], "the best that this build and this processor have"
    if wanted in available:
        return wanted, "FASTNN_ISA"
    if wanted in _build_info.ISAS:
        problem = "this processor (or its operating system) lacks it"
    else:
        problem = "this build lacks it"
    message = f"FASTNN_ISA is {wanted!r}, but {problem}; available: {', '.join(available)}"
    raise ImportError(message, name="fastnn")


CHOSEN, REASON = _choose()
kernels(np.float32)
