"""Deliberate faults, one a function, in a module built like fastnn's: each must be reported.

setup.py builds it for tools/sanitize.py alone, where FASTNN_FAULTS=1; it is no part of the package. What the
compiler could see through, it would leave out; so memory goes from one call to the next by a pointer that any
function may have changed. Signed overflow isn't here: Python's own flags define it (-fwrapv).
"""

from cython.parallel cimport parallel
from libc.stdlib cimport malloc

cdef enum:
    N = 64

cdef int *memory = <int *>malloc(N * sizeof(int))


def bad_access():
    """Read one element too many."""
    return memory[N]


def undefined():
    """Read an integer from an address that isn't an integer's."""
    return (<int *>(<char *>memory + 1))[0]


def leak():
    """Lose what was allocated before."""
    global memory
    memory = <int *>malloc(N * sizeof(int))


def race():
    """Write to the same memory from two threads of OpenMP."""
    with nogil, parallel(num_threads=2):
        write()


cdef void write() noexcept nogil:
    cdef int i
    for i in range(N):
        memory[i] = i


def uninitialised():
    """Decide by what was never written."""
    return "positive" if memory[0] > 0 else "not"
