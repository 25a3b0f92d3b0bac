/* The floating-point mode of the calling thread: rounding to nearest and subnormals kept while kernels run, what
 * the caller had set afterwards. Threads of a pool keep the mode of whoever started them, so each asks. */
#ifndef FASTNN_FPMODE_H
#define FASTNN_FPMODE_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>

enum { MXCSR_DEFAULT = 0x1f80, MXCSR_FLAGS = 0x3f };

static inline uint64_t fp_mode_enter(void)
{
    unsigned caller = _mm_getcsr();
    if ((caller & ~(unsigned)MXCSR_FLAGS) != MXCSR_DEFAULT)
        _mm_setcsr(MXCSR_DEFAULT);
    return caller;
}
static inline void fp_mode_leave(uint64_t caller)
{
    if (((unsigned)caller & ~(unsigned)MXCSR_FLAGS) != MXCSR_DEFAULT)
        _mm_setcsr((unsigned)caller);
}
#elif defined(__aarch64__) && !defined(_MSC_VER)
static inline uint64_t fp_mode_enter(void)
{
    uint64_t caller;
    __asm__ volatile("mrs %0, fpcr" : "=r"(caller));
    if (caller != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return caller;
}
static inline void fp_mode_leave(uint64_t caller)
{
    if (caller != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"(caller));
}
#else
static inline uint64_t fp_mode_enter(void) { return 0; }
static inline void fp_mode_leave(uint64_t caller) { (void)caller; }
#endif

#endif
