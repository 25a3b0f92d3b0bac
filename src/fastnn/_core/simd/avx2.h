/* AVX2 with FMA: 16 registers of 32 bytes. */
#include <immintrin.h>

#if FASTNN_REAL_BITS == 32
typedef __m256 vec;
#define OP(name) _mm256_##name##_ps
#define BITS(name) _mm256_##name##_epi32
#define TO_BITS _mm256_castps_si256
#define FROM_BITS _mm256_castsi256_ps
#define LANE_NUMBERS _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
#define SET1_BITS _mm256_set1_epi32
#else
typedef __m256d vec;
#define OP(name) _mm256_##name##_pd
#define BITS(name) _mm256_##name##_epi64
#define TO_BITS _mm256_castpd_si256
#define FROM_BITS _mm256_castsi256_pd
#define LANE_NUMBERS _mm256_setr_epi64x(0, 1, 2, 3)
#define SET1_BITS _mm256_set1_epi64x
#endif
typedef vec mask;

enum { LANES = 256 / FASTNN_REAL_BITS, TILE_ROWS = 6, TILE_VECS = 2, FUSED = 1 };

FASTNN_INLINE __m256i first_lanes(long n) { return BITS(cmpgt)(SET1_BITS((int)n), LANE_NUMBERS); }

FASTNN_INLINE vec v_load(const real *p) { return OP(loadu)(p); }
FASTNN_INLINE void v_store(real *p, vec a) { OP(storeu)(p, a); }
FASTNN_INLINE vec v_load_part(const real *p, long n, vec fill)
{
    __m256i lanes = first_lanes(n);
    return OP(blendv)(fill, OP(maskload)(p, lanes), FROM_BITS(lanes));
}
FASTNN_INLINE void v_store_part(real *p, vec a, long n) { OP(maskstore)(p, first_lanes(n), a); }
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
FASTNN_INLINE vec v_abs(vec a) { return OP(andnot)(OP(set1)((real)-0.0), a); }
FASTNN_INLINE vec v_minus_abs(vec a) { return OP(or)(OP(set1)((real)-0.0), a); }
FASTNN_INLINE vec v_copysign(vec magnitude, vec sign)
{
    return OP(or)(OP(andnot)(OP(set1)((real)-0.0), magnitude), OP(and)(OP(set1)((real)-0.0), sign));
}
FASTNN_INLINE mask v_lt(vec a, vec b) { return OP(cmp)(a, b, _CMP_LT_OQ); }
FASTNN_INLINE mask v_eq(vec a, vec b) { return OP(cmp)(a, b, _CMP_EQ_OQ); }
FASTNN_INLINE int v_any(mask m) { return OP(movemask)(m) != 0; }
FASTNN_INLINE vec v_select(mask m, vec yes, vec no) { return OP(blendv)(no, yes, m); }
FASTNN_INLINE vec v_shift_up(vec n) { return FROM_BITS(BITS(slli)(TO_BITS(n), MANTISSA_BITS)); }
/* There is no conversion from 64-bit integers: the field is put under the exponent of 2^MANTISSA_BITS. */
FASTNN_INLINE vec v_exponent_bits(vec a)
{
    vec power = OP(set1)((real)((real_bits)1 << MANTISSA_BITS));
    return OP(sub)(OP(or)(FROM_BITS(BITS(srli)(TO_BITS(a), MANTISSA_BITS)), power), power);
}

#if FASTNN_REAL_BITS == 32
#define FASTNN_HAS_LOOKUP
/* The permutations look at the low three bits of their indices; the fourth, moved to the sign, chooses. */
FASTNN_INLINE vec v_lookup(const real *table, vec a)
{
    __m256i index = _mm256_srli_epi32(TO_BITS(a), MANTISSA_BITS - 1);
    vec low = _mm256_permutevar8x32_ps(v_load(table), index);
    vec high = _mm256_permutevar8x32_ps(v_load(table + LANES), index);
    return _mm256_blendv_ps(low, high, FROM_BITS(_mm256_slli_epi32(index, 28)));
}
#endif

/* Within halves first, then the middle two quarters change places (with 64-bit lanes, single lanes). */
#define SWAP_QUARTERS(a) FROM_QUARTERS(_mm256_permute4x64_pd(TO_QUARTERS(a), 0xD8))
#if FASTNN_REAL_BITS == 32
#define TO_QUARTERS _mm256_castps_pd
#define FROM_QUARTERS _mm256_castpd_ps
FASTNN_INLINE vec v_even(vec a, vec b) { return SWAP_QUARTERS(_mm256_shuffle_ps(a, b, 0x88)); }
FASTNN_INLINE vec v_odd(vec a, vec b) { return SWAP_QUARTERS(_mm256_shuffle_ps(a, b, 0xDD)); }
#else
#define TO_QUARTERS
#define FROM_QUARTERS
FASTNN_INLINE vec v_even(vec a, vec b) { return SWAP_QUARTERS(_mm256_unpacklo_pd(a, b)); }
FASTNN_INLINE vec v_odd(vec a, vec b) { return SWAP_QUARTERS(_mm256_unpackhi_pd(a, b)); }
#endif
FASTNN_INLINE vec v_zip_low(vec a, vec b)
{
    return OP(permute2f128)(OP(unpacklo)(a, b), OP(unpackhi)(a, b), 0x20);
}
FASTNN_INLINE vec v_zip_high(vec a, vec b)
{
    return OP(permute2f128)(OP(unpacklo)(a, b), OP(unpackhi)(a, b), 0x31);
}
