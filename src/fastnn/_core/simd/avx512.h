/* AVX-512 F, DQ, BW and VL with FMA: 32 registers of 64 bytes. */
#include <immintrin.h>

#if FASTNN_REAL_BITS == 32
typedef __m512 vec;
typedef __mmask16 mask;
#define OP(name) _mm512_##name##_ps
#define CMP _mm512_cmp_ps_mask
#define BITS(name) _mm512_##name##_epi32
#define TO_BITS _mm512_castps_si512
#define FROM_BITS _mm512_castsi512_ps
#define ROUND_BITS_TO_REAL _mm512_cvtepi32_ps
#else
typedef __m512d vec;
typedef __mmask8 mask;
#define OP(name) _mm512_##name##_pd
#define CMP _mm512_cmp_pd_mask
#define BITS(name) _mm512_##name##_epi64
#define TO_BITS _mm512_castpd_si512
#define FROM_BITS _mm512_castsi512_pd
#define ROUND_BITS_TO_REAL _mm512_cvtepi64_pd
#endif

enum { LANES = 512 / FASTNN_REAL_BITS, TILE_ROWS = 14, TILE_VECS = 2, FUSED = 1 };

FASTNN_INLINE mask first_lanes(long n) { return (mask)((1u << n) - 1u); }

FASTNN_INLINE vec v_load(const real *p) { return OP(loadu)(p); }
FASTNN_INLINE void v_store(real *p, vec a) { OP(storeu)(p, a); }
FASTNN_INLINE vec v_load_part(const real *p, long n, vec fill) { return OP(mask_loadu)(fill, first_lanes(n), p); }
FASTNN_INLINE void v_store_part(real *p, vec a, long n) { OP(mask_storeu)(p, first_lanes(n), a); }
FASTNN_INLINE vec v_set1(real x) { return OP(set1)(x); }
FASTNN_INLINE vec v_add(vec a, vec b) { return OP(add)(a, b); }
FASTNN_INLINE vec v_sub(vec a, vec b) { return OP(sub)(a, b); }
FASTNN_INLINE vec v_mul(vec a, vec b) { return OP(mul)(a, b); }
FASTNN_INLINE vec v_div(vec a, vec b) { return OP(div)(a, b); }
FASTNN_INLINE vec v_muladd(vec a, vec b, vec c) { return OP(fmadd)(a, b, c); }
FASTNN_INLINE vec v_negmuladd(vec a, vec b, vec c) { return OP(fnmadd)(a, b, c); }
FASTNN_INLINE vec v_residual(vec a, vec b, vec c) { return OP(fnmadd)(a, b, c); }
FASTNN_INLINE vec v_max(vec a, vec b) { return OP(max)(a, b); }
FASTNN_INLINE vec v_min(vec a, vec b) { return OP(min)(a, b); }
FASTNN_INLINE vec v_abs(vec a) { return OP(abs)(a); }
FASTNN_INLINE vec v_minus_abs(vec a) { return OP(or)(OP(set1)((real)-0.0), a); }
FASTNN_INLINE vec v_copysign(vec magnitude, vec sign)
{
    return OP(or)(OP(andnot)(OP(set1)((real)-0.0), magnitude), OP(and)(OP(set1)((real)-0.0), sign));
}
FASTNN_INLINE mask v_lt(vec a, vec b) { return CMP(a, b, _CMP_LT_OQ); }
FASTNN_INLINE mask v_eq(vec a, vec b) { return CMP(a, b, _CMP_EQ_OQ); }
FASTNN_INLINE int v_any(mask m) { return m != 0; }
FASTNN_INLINE vec v_select(mask m, vec yes, vec no) { return OP(mask_mov)(no, m, yes); }
FASTNN_INLINE vec v_shift_up(vec n) { return FROM_BITS(BITS(slli)(TO_BITS(n), MANTISSA_BITS)); }
FASTNN_INLINE vec v_exponent_bits(vec a) { return ROUND_BITS_TO_REAL(BITS(srli)(TO_BITS(a), MANTISSA_BITS)); }

#if FASTNN_REAL_BITS == 32
#define LANE_LIST(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
    _mm512_setr_epi32(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
FASTNN_INLINE vec v_even(vec a, vec b)
{
    return OP(permutex2var)(a, LANE_LIST(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}
FASTNN_INLINE vec v_odd(vec a, vec b)
{
    return OP(permutex2var)(a, LANE_LIST(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b);
}
FASTNN_INLINE vec v_zip_low(vec a, vec b)
{
    return OP(permutex2var)(a, LANE_LIST(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
}
FASTNN_INLINE vec v_zip_high(vec a, vec b)
{
    return OP(permutex2var)(a, LANE_LIST(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b);
}
#else
#define LANE_LIST(a, b, c, d, e, f, g, h) _mm512_setr_epi64(a, b, c, d, e, f, g, h)
FASTNN_INLINE vec v_even(vec a, vec b) { return OP(permutex2var)(a, LANE_LIST(0, 2, 4, 6, 8, 10, 12, 14), b); }
FASTNN_INLINE vec v_odd(vec a, vec b) { return OP(permutex2var)(a, LANE_LIST(1, 3, 5, 7, 9, 11, 13, 15), b); }
FASTNN_INLINE vec v_zip_low(vec a, vec b) { return OP(permutex2var)(a, LANE_LIST(0, 8, 1, 9, 2, 10, 3, 11), b); }
FASTNN_INLINE vec v_zip_high(vec a, vec b) { return OP(permutex2var)(a, LANE_LIST(4, 12, 5, 13, 6, 14, 7, 15), b); }
#endif

#define FASTNN_HAS_SCALE
FASTNN_INLINE vec v_scale(vec a, vec n) { return OP(scalef)(a, n); }

#if FASTNN_REAL_BITS == 32
#define FASTNN_HAS_LOOKUP
/* The permutation looks at the low four bits of its indices alone. */
FASTNN_INLINE vec v_lookup(const real *table, vec a)
{
    return _mm512_permutexvar_ps(_mm512_srli_epi32(TO_BITS(a), MANTISSA_BITS - 1), v_load(table));
}
#endif
