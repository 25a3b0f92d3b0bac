/* The vector vocabulary of the kernels, for one instruction set and one real type.
 *
 * setup.py compiles each kernel module with -DFASTNN_ISA_<NAME> and -DFASTNN_REAL_BITS=32 or 64. The header
 * of the instruction set defines `vec` (LANES reals), `mask` (a truth value a lane), the shape of the
 * register tile, and the operations below, as static inline functions. Every operation rounds to nearest
 * even and is the same function of its arguments on every instruction set, except where a line says so.
 *
 *   vec  v_load(const real *p)                         LANES reals, any alignment
 *   void v_store(real *p, vec a)
 *   vec  v_load_part(const real *p, long n, vec fill)  lanes < n from p, the others from fill; n <= LANES
 *   void v_store_part(real *p, vec a, long n)          lanes < n; no byte beyond p[n - 1] is touched
 *   vec  v_set1(real x)                                x in every lane
 *   vec  v_add, v_sub, v_mul, v_div (vec a, vec b)
 *   vec  v_muladd(vec a, vec b, vec c)                 a b + c: rounded once where FUSED, else twice
 *   vec  v_negmuladd(vec a, vec b, vec c)              c - a b, likewise
 *   vec  v_residual(vec a, vec b, vec c)               c - a b from the exact product even where not FUSED:
 *                                                      there slow, rounded once more, not for huge float64
 *   vec  v_max(vec a, vec b), v_min                    a > b ? a : b and a < b ? a : b (so b where unordered)
 *   vec  v_abs(vec a), v_minus_abs(vec a), v_copysign(vec magnitude, vec sign)
 *   mask v_lt(vec a, vec b), v_eq                      false where unordered
 *   int  v_any(mask m)                                 whether some lane is true
 *   vec  v_select(mask m, vec yes, vec no)
 *   vec  v_shift_up(vec n)                             the low bits of n's pattern moved to the exponent's place
 *   vec  v_exponent_bits(vec a)                        a's exponent field as a real; a positive and normal
 *   vec  v_lookup(const real *table, vec a)            table[the last three exponent bits of a and its first
 *                                                      mantissa bit]
 *   vec  v_scale(vec a, vec n)                         a 2^n rounded once; n integral, |n| < 2 EXPONENT_BIAS
 *   vec  v_even(vec a, vec b), v_odd                   lanes 0, 2, 4, ... (1, 3, 5, ...) of a, then of b; with one
 *                                                      lane a (b)
 *   vec  v_zip_low(vec a, vec b), v_zip_high           a0 b0 a1 b1 ..., its first half and its second
 *   void v_prefetch(const real *p)                     begin to bring p's cache line near; p need not be valid
 *   const real *v_pointer(const real *p)               p, and the compiler forgets how it was computed: else it
 *                                                      keeps an offset for each row, more than it has registers
 */
#ifndef FASTNN_SIMD_H
#define FASTNN_SIMD_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FASTNN_REAL_BITS == 32
typedef float real;
typedef uint32_t real_bits;
enum { MANTISSA_BITS = 23, EXPONENT_BIAS = 127 };
#elif FASTNN_REAL_BITS == 64
typedef double real;
typedef uint64_t real_bits;
enum { MANTISSA_BITS = 52, EXPONENT_BIAS = 1023 };
#else
#error "FASTNN_REAL_BITS must be 32 or 64"
#endif

/* Adding and subtracting ROUNDER leaves the nearest integer of a real below 2^(MANTISSA_BITS - 1); after the
 * addition, that integer stands in the low bits of the pattern. */
#define ROUNDER ((real)((real_bits)3 << (MANTISSA_BITS - 1)))

#if defined(_MSC_VER)
#define FASTNN_INLINE static __forceinline
#else
#define FASTNN_INLINE static inline __attribute__((always_inline))
#endif

#if defined(FASTNN_ISA_AVX512)
#include "avx512.h"
#elif defined(FASTNN_ISA_AVX2)
#include "avx2.h"
#elif defined(FASTNN_ISA_SSE2)
#include "sse2.h"
#elif defined(FASTNN_ISA_NEON)
#include "neon.h"
#elif defined(FASTNN_ISA_SCALAR)
#include "scalar.h"
#else
#error "no instruction set chosen: define FASTNN_ISA_<NAME>"
#endif

enum { PANEL = TILE_VECS * LANES };

enum { LINE = 64 / sizeof(real) };

#if defined(_MSC_VER)
FASTNN_INLINE void v_prefetch(const real *p) { (void)p; }
FASTNN_INLINE const real *v_pointer(const real *p) { return p; }
#else
FASTNN_INLINE void v_prefetch(const real *p) { __builtin_prefetch(p, 0, 2); }
FASTNN_INLINE const real *v_pointer(const real *p)
{
    __asm__("" : "+r"(p));
    return p;
}
#endif

#if !defined(FASTNN_HAS_LOOKUP)
FASTNN_INLINE vec v_lookup(const real *table, vec a)
{
    real lanes[LANES];
    real_bits bits;
    int i;
    v_store(lanes, a);
    for (i = 0; i < LANES; i++) {
        memcpy(&bits, &lanes[i], sizeof bits);
        lanes[i] = table[bits >> (MANTISSA_BITS - 1) & 15];
    }
    return v_load(lanes);
}
#endif

#if !defined(FASTNN_HAS_SCALE)
/* a 2^n where neither 2^n nor the result leaves the normal range. */
FASTNN_INLINE vec v_scale_normal(vec a, vec n)
{
    return v_mul(a, v_shift_up(v_add(n, v_set1(ROUNDER + EXPONENT_BIAS))));
}

/* Two exact halves of the power keep a result near the ends of the range from a second rounding. */
FASTNN_INLINE vec v_scale(vec a, vec n)
{
    vec half = v_sub(v_muladd(n, v_set1((real)0.5), v_set1(ROUNDER)), v_set1(ROUNDER));
    return v_scale_normal(v_scale_normal(a, half), v_sub(n, half));
}
#endif

#endif
