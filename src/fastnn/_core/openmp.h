/* OpenMP where the compiler has it, one thread where it hasn't. */
#ifndef FASTNN_OPENMP_H
#define FASTNN_OPENMP_H

/* Where the threads of a parallel region begin. Linux may wake a worker on the caller's processor although
 * another one is idle; it then waits until the caller's time slice ends, and the caller for it. So a caller whose
 * workers haven't all begun at once lets them go first, and a worker that finds itself on the caller's processor
 * moves to another one. */
typedef struct {
    int processor; /* the caller's */
    int begun;     /* workers */
} openmp_team;

/* Work in steps, each of which has a share for every thread. A thread takes its own share first, and then any that
 * nobody has begun: one that hasn't woken yet, or that another process has pushed aside, holds the others up only
 * in the midst of a share. A barrier of OpenMP would wait for it at each step. */
enum { OPENMP_SHARES = 64 };
typedef struct {
    long step;                 /* that is under way */
    long finished;             /* shares, of all steps */
    long begun[OPENMP_SHARES]; /* steps, of each share */
} openmp_steps;

/* Blocks that one thread begins with. Two parts never meet in a cache line of 64 bytes. */
typedef struct {
    long next;
    long end;
    char apart[128 - 2 * sizeof(long)];
} openmp_part;

#if defined(_MSC_VER)
#include <intrin.h>
static int openmp_take(openmp_steps *steps, long step, int share)
{
    return _InterlockedCompareExchange(&steps->begun[share], step + 1, step) == step;
}
static long openmp_claim(openmp_part *part) { return _InterlockedIncrement(&part->next) - 1; }
static long openmp_finish(openmp_steps *steps) { return _InterlockedIncrement(&steps->finished); }
static long openmp_step(openmp_steps *steps) { return _InterlockedOr(&steps->step, 0); }
static void openmp_next(openmp_steps *steps) { _InterlockedIncrement(&steps->step); }
#else
static int openmp_take(openmp_steps *steps, long step, int share)
{
    long *begun = &steps->begun[share];
    return __atomic_compare_exchange_n(begun, &step, step + 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
static long openmp_claim(openmp_part *part) { return __atomic_fetch_add(&part->next, 1, __ATOMIC_RELAXED); }
static long openmp_finish(openmp_steps *steps)
{
    return __atomic_add_fetch(&steps->finished, 1, __ATOMIC_ACQ_REL);
}
static long openmp_step(openmp_steps *steps) { return __atomic_load_n(&steps->step, __ATOMIC_ACQUIRE); }
static void openmp_next(openmp_steps *steps) { __atomic_add_fetch(&steps->step, 1, __ATOMIC_RELEASE); }
#endif

/* 2 to 4 microseconds: a worker that is awake begins within one. */
enum { OPENMP_POLLS = 4000 };

#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
static void openmp_yield(void) { sched_yield(); }
#else
static void openmp_yield(void) {}
#endif

/* Until the step is over. */
static void openmp_await(openmp_steps *steps, long step)
{
    long polls;
    for (polls = 0; openmp_step(steps) == step; polls++)
        if (polls >= OPENMP_POLLS)
            openmp_yield();
}

#if defined(_OPENMP)
#include <omp.h>

static int openmp_max_threads(void) { return omp_get_max_threads(); }
static int openmp_processors(void) { return omp_get_num_procs(); }

/* Whether this thread asked within the last 2 milliseconds. If it computed in parallel then, its workers haven't
 * gone to sleep yet: GCC's stay awake for about 10. */
static double openmp_asked;
#pragma omp threadprivate(openmp_asked)

static int openmp_recently(void)
{
    double now = omp_get_wtime();
    int recently = now - openmp_asked < 0.002;
    openmp_asked = now;
    return recently;
}

/* A child that GCC's libgomp forks inherits the record of the parent's threads but not the threads, and would
 * wait for them forever; so the calling thread's are ended before a fork, whether Python forks or a server
 * around it. LLVM's libomp sees to forks itself, and its children abort after such a pause. A build for libgomp
 * may be loaded with libomp in its place, so which of the two is there is asked when it runs: only libomp has
 * this symbol. */
#if defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <pthread.h>
extern void __kmpc_fork_call(void) __attribute__((weak));

static void openmp_release_threads(void)
{
    if (!__kmpc_fork_call)
        omp_pause_resource_all(omp_pause_hard);
}
static int openmp_watch_forks(void) { return pthread_atfork(openmp_release_threads, NULL, NULL); }
#else
static void openmp_release_threads(void) {}
static int openmp_watch_forks(void) { return 0; }
#endif

#if defined(__linux__)
static openmp_team openmp_gather(void)
{
    openmp_team team = {sched_getcpu(), 0};
    return team;
}

static void openmp_leave(int processor)
{
    cpu_set_t allowed, others;
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    others = allowed;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
        sched_setaffinity(0, sizeof allowed, &allowed);
}

static void openmp_begin(openmp_team *team)
{
    int begun = 0;
    int i;
    if (omp_get_thread_num()) {
#pragma omp atomic
        team->begun++;
        if (sched_getcpu() == team->processor)
            openmp_leave(team->processor);
        return;
    }
    for (i = 0; i < OPENMP_POLLS && begun < omp_get_num_threads() - 1; i++) {
#pragma omp atomic read
        begun = team->begun;
    }
    if (begun < omp_get_num_threads() - 1)
        sched_yield();
}
#endif
#else
static int openmp_max_threads(void) { return 1; }
static int openmp_processors(void) { return 1; }
static int openmp_recently(void) { return 0; }
static void openmp_release_threads(void) {}
static int openmp_watch_forks(void) { return 0; }
#endif

#if !defined(_OPENMP) || !defined(__linux__)
static openmp_team openmp_gather(void)
{
    openmp_team team = {0, 0};
    return team;
}
static void openmp_begin(openmp_team *team) { (void)team; }
#endif

#endif
