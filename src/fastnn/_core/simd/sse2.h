/* The x86-64 baseline, SSE2 without FMA: 16 registers of 16 bytes. A product and a sum are rounded apart, so
 * the bits of a dense layer differ from those of the other instruction sets. */
#include <emmintrin.h>

#if FASTNN_REAL_BITS == 32
typedef __m128 vec;
#define OP(name) _mm_##name##_ps
#define BITS(name) _mm_##name##_epi32
#define TO_BITS _mm_castps_si128
#define FROM_BITS _mm_castsi128_ps
#else
typedef __m128d vec;
#define OP(name) _mm_##name##_pd
#define BITS(name) _mm_##name##_epi64
#define TO_BITS _mm_castpd_si128
#define FROM_BITS _mm_castsi128_pd
#endif
typedef vec mask;

enum { LANES = 128 / FASTNN_REAL_BITS, TILE_ROWS = 6, TILE_VECS = 2, FUSED = 0 };

FASTNN_INLINE vec v_load(const real *p) { return OP(loadu)(p); }
FASTNN_INLINE void v_store(real *p, vec a) { OP(storeu)(p, a); }
FASTNN_INLINE vec v_load_part(const real *p, long n, vec fill)
{
    real lanes[LANES];
    v_store(lanes, fill);
    memcpy(lanes, p, (size_t)n * sizeof(real));
    return v_load(lanes);
}
FASTNN_INLINE void v_store_part(real *p, vec a, long n)
{
    real lanes[LANES];
    v_store(lanes, a);
    memcpy(p, lanes, (size_t)n * sizeof(real));
}
FASTNN_INLINE vec v_set1(real x) { return OP(set1)(x); }
FASTNN_INLINE vec v_add(vec a, vec b) { return OP(add)(a, b); }
FASTNN_INLINE vec v_sub(vec a, vec b) { return OP(sub)(a, b); }
FASTNN_INLINE vec v_mul(vec a, vec b) { return OP(mul)(a, b); }
FASTNN_INLINE vec v_div(vec a, vec b) { return OP(div)(a, b); }
FASTNN_INLINE vec v_muladd(vec a, vec b, vec c) { return v_add(v_mul(a, b), c); }
FASTNN_INLINE vec v_negmuladd(vec a, vec b, vec c) { return v_sub(c, v_mul(a, b)); }
FASTNN_INLINE vec v_max(vec a, vec b) { return OP(max)(a, b); }
FASTNN_INLINE vec v_min(vec a, vec b) { return OP(min)(a, b); }
FASTNN_INLINE vec v_abs(vec a) { return OP(andnot)(OP(set1)((real)-0.0), a); }
FASTNN_INLINE vec v_minus_abs(vec a) { return OP(or)(OP(set1)((real)-0.0), a); }
FASTNN_INLINE vec v_copysign(vec magnitude, vec sign)
{
    return OP(or)(OP(andnot)(OP(set1)((real)-0.0), magnitude), OP(and)(OP(set1)((real)-0.0), sign));
}
FASTNN_INLINE mask v_lt(vec a, vec b) { return OP(cmplt)(a, b); }
FASTNN_INLINE mask v_eq(vec a, vec b) { return OP(cmpeq)(a, b); }
FASTNN_INLINE int v_any(mask m) { return OP(movemask)(m) != 0; }
FASTNN_INLINE vec v_select(mask m, vec yes, vec no) { return OP(or)(OP(and)(m, yes), OP(andnot)(m, no)); }
FASTNN_INLINE vec v_shift_up(vec n) { return FROM_BITS(BITS(slli)(TO_BITS(n), MANTISSA_BITS)); }
#if FASTNN_REAL_BITS == 32
FASTNN_INLINE vec v_even(vec a, vec b) { return _mm_shuffle_ps(a, b, 0x88); }
FASTNN_INLINE vec v_odd(vec a, vec b) { return _mm_shuffle_ps(a, b, 0xDD); }
#else
FASTNN_INLINE vec v_even(vec a, vec b) { return _mm_unpacklo_pd(a, b); }
FASTNN_INLINE vec v_odd(vec a, vec b) { return _mm_unpackhi_pd(a, b); }
#endif
FASTNN_INLINE vec v_zip_low(vec a, vec b) { return OP(unpacklo)(a, b); }
FASTNN_INLINE vec v_zip_high(vec a, vec b) { return OP(unpackhi)(a, b); }
/* The field is put under the exponent of 2^MANTISSA_BITS. */
FASTNN_INLINE vec v_exponent_bits(vec a)
{
    vec power = OP(set1)((real)((real_bits)1 << MANTISSA_BITS));
    return OP(sub)(OP(or)(FROM_BITS(BITS(srli)(TO_BITS(a), MANTISSA_BITS)), power), power);
}

#if FASTNN_REAL_BITS == 32
/* The product of two floats is exact in a double. */
FASTNN_INLINE vec v_residual(vec a, vec b, vec c)
{
    __m128d low = _mm_sub_pd(_mm_cvtps_pd(c), _mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)));
    a = _mm_movehl_ps(a, a), b = _mm_movehl_ps(b, b), c = _mm_movehl_ps(c, c);
    __m128d high = _mm_sub_pd(_mm_cvtps_pd(c), _mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)));
    return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
#else
/* Dekker's product (1971): a b = product + error exactly, from halves of 26 bits. */
FASTNN_INLINE vec v_upper_half(vec a)
{
    vec scaled = v_mul(a, v_set1(134217729.0));
    return v_sub(scaled, v_sub(scaled, a));
}
FASTNN_INLINE vec v_residual(vec a, vec b, vec c)
{
    vec product = v_mul(a, b);
    vec a_upper = v_upper_half(a), a_lower = v_sub(a, a_upper);
    vec b_upper = v_upper_half(b), b_lower = v_sub(b, b_upper);
    vec error = v_sub(v_mul(a_upper, b_upper), product);
    error = v_add(v_add(error, v_mul(a_upper, b_lower)), v_mul(a_lower, b_upper));
    error = v_add(error, v_mul(a_lower, b_lower));
    return v_sub(v_sub(c, product), error);
}
#endif
