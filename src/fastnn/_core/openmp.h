/* OpenMP where the compiler has it, one thread where it hasn't. */
#ifndef FASTNN_OPENMP_H
#define FASTNN_OPENMP_H

#if defined(_OPENMP)
#include <omp.h>

static int openmp_max_threads(void) { return omp_get_max_threads(); }
static int openmp_processors(void) { return omp_get_num_procs(); }

/* A child that GCC's libgomp forks inherits the record of the parent's threads but not the threads, and would
 * wait for them forever; so the calling thread's are ended before a fork. LLVM's libomp sees to forks itself, and
 * its children abort after such a pause. A build for libgomp may be loaded with libomp in its place, so which of
 * the two is there is asked when it runs: only libomp has this symbol. */
#if defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
extern void __kmpc_fork_call(void) __attribute__((weak));

static void openmp_release_threads(void)
{
    if (!__kmpc_fork_call)
        omp_pause_resource_all(omp_pause_hard);
}
#else
static void openmp_release_threads(void) {}
#endif
#else
static int openmp_max_threads(void) { return 1; }
static int openmp_processors(void) { return 1; }
static void openmp_release_threads(void) {}
#endif

#endif
