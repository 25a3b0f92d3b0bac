/* OpenMP where the compiler has it, one thread where it hasn't. */
#ifndef FASTNN_OPENMP_H
#define FASTNN_OPENMP_H

#if defined(_OPENMP)
#include <omp.h>

static int openmp_max_threads(void) { return omp_get_max_threads(); }

/* A forked child inherits the record of the parent's threads but not the threads, and would wait for them
 * forever; so the calling thread's are ended before a fork (OpenMP 5.0; libgomp has it since GCC 9). */
static int openmp_release_threads(void)
{
#if _OPENMP >= 201811 || (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 9)
    return omp_pause_resource_all(omp_pause_hard);
#else
    return -1;
#endif
}
#else
static int openmp_max_threads(void) { return 1; }
static int openmp_release_threads(void) { return 0; }
#endif

#endif
