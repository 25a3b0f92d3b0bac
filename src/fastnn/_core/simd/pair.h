/* The vocabulary of simd.h on two vectors at once. An elementary function is one long chain in which every
 * operation waits for the one before; two chains side by side take little longer than one. */
#ifndef FASTNN_PAIR_H
#define FASTNN_PAIR_H

#include "simd.h"

typedef struct {
    vec low, high;
} pair;

typedef struct {
    mask low, high;
} pair_mask;

enum { PAIR_LANES = 2 * LANES };

/* A sum over a row is 32 interleaved sums whatever LANES is, so its bits do not depend on LANES. */
enum { VIRTUAL_LANES = 32, ROW_PAIRS = VIRTUAL_LANES / PAIR_LANES };

#define OF_ONE(name) \
    FASTNN_INLINE pair p_##name(pair a) { return (pair){v_##name(a.low), v_##name(a.high)}; }
#define OF_TWO(name) \
    FASTNN_INLINE pair p_##name(pair a, pair b) { return (pair){v_##name(a.low, b.low), v_##name(a.high, b.high)}; }
#define OF_THREE(name)                                                                      \
    FASTNN_INLINE pair p_##name(pair a, pair b, pair c)                                     \
    {                                                                                       \
        return (pair){v_##name(a.low, b.low, c.low), v_##name(a.high, b.high, c.high)};     \
    }
#define COMPARISON(name)                                                            \
    FASTNN_INLINE pair_mask p_##name(pair a, pair b)                                \
    {                                                                               \
        return (pair_mask){v_##name(a.low, b.low), v_##name(a.high, b.high)};       \
    }

OF_ONE(abs)
OF_ONE(minus_abs)
OF_ONE(shift_up)
OF_ONE(exponent_bits)
OF_TWO(add)
OF_TWO(sub)
OF_TWO(mul)
OF_TWO(div)
OF_TWO(max)
OF_TWO(min)
OF_TWO(copysign)
OF_TWO(scale)
OF_THREE(muladd)
OF_THREE(negmuladd)
OF_THREE(residual)
COMPARISON(lt)
COMPARISON(eq)

FASTNN_INLINE int p_any(pair_mask m) { return v_any(m.low) || v_any(m.high); }
FASTNN_INLINE pair p_select(pair_mask m, pair yes, pair no)
{
    return (pair){v_select(m.low, yes.low, no.low), v_select(m.high, yes.high, no.high)};
}
FASTNN_INLINE pair p_lookup(const real *table, pair a)
{
    return (pair){v_lookup(table, a.low), v_lookup(table, a.high)};
}
FASTNN_INLINE pair p_set1(real x) { return (pair){v_set1(x), v_set1(x)}; }
FASTNN_INLINE pair p_load(const real *p) { return (pair){v_load(p), v_load(p + LANES)}; }
FASTNN_INLINE void p_prefetch(const real *p)
{
    v_prefetch(p);
    if ((int)LANES == (int)LINE)
        v_prefetch(p + LANES);
}
FASTNN_INLINE void p_store(real *p, pair a)
{
    v_store(p, a.low);
    v_store(p + LANES, a.high);
}
/* Nothing at p + LANES is touched, nor is it computed with, where n ends before. */
FASTNN_INLINE pair p_load_part(const real *p, long n, pair fill)
{
    if (n <= LANES)
        return (pair){v_load_part(p, n, fill.low), fill.high};
    return (pair){v_load(p), v_load_part(p + LANES, n - LANES, fill.high)};
}
FASTNN_INLINE void p_store_part(real *p, pair a, long n)
{
    if (n <= LANES) {
        v_store_part(p, a.low, n);
    } else {
        v_store(p, a.low);
        v_store_part(p + LANES, a.high, n - LANES);
    }
}
FASTNN_INLINE pair p_even(pair a, pair b) { return (pair){v_even(a.low, a.high), v_even(b.low, b.high)}; }
FASTNN_INLINE pair p_odd(pair a, pair b) { return (pair){v_odd(a.low, a.high), v_odd(b.low, b.high)}; }
FASTNN_INLINE pair p_zip_low(pair a, pair b) { return (pair){v_zip_low(a.low, b.low), v_zip_high(a.low, b.low)}; }
FASTNN_INLINE pair p_zip_high(pair a, pair b) { return (pair){v_zip_low(a.high, b.high), v_zip_high(a.high, b.high)}; }

#endif
