/* AArch64 Advanced SIMD: 32 registers of 16 bytes, FMA always there. */
#include <arm_neon.h>

#if FASTNN_REAL_BITS == 32
typedef float32x4_t vec;
typedef uint32x4_t mask;
#define AS_U32(m) (m)
#define OP(name) v##name##q_f32
#define BITS(name) v##name##q_u32
#define TO_BITS vreinterpretq_u32_f32
#define FROM_BITS vreinterpretq_f32_u32
#define BITS_TO_REAL vcvtq_f32_u32
#define SHIFT_UP vshlq_n_u32
#define SHIFT_DOWN vshrq_n_u32
#define SET1 vdupq_n_f32
#define SET1_BITS vdupq_n_u32
#else
typedef float64x2_t vec;
typedef uint64x2_t mask;
#define AS_U32 vreinterpretq_u32_u64
#define OP(name) v##name##q_f64
#define BITS(name) v##name##q_u64
#define TO_BITS vreinterpretq_u64_f64
#define FROM_BITS vreinterpretq_f64_u64
#define BITS_TO_REAL vcvtq_f64_u64
#define SHIFT_UP vshlq_n_u64
#define SHIFT_DOWN vshrq_n_u64
#define SET1 vdupq_n_f64
#define SET1_BITS vdupq_n_u64
#endif

enum { LANES = 128 / FASTNN_REAL_BITS, TILE_ROWS = 12, TILE_VECS = 2, FUSED = 1 };

FASTNN_INLINE vec v_load(const real *p) { return OP(ld1)(p); }
FASTNN_INLINE void v_store(real *p, vec a) { OP(st1)(p, a); }
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
FASTNN_INLINE vec v_set1(real x) { return SET1(x); }
FASTNN_INLINE vec v_add(vec a, vec b) { return OP(add)(a, b); }
FASTNN_INLINE vec v_sub(vec a, vec b) { return OP(sub)(a, b); }
FASTNN_INLINE vec v_mul(vec a, vec b) { return OP(mul)(a, b); }
FASTNN_INLINE vec v_div(vec a, vec b) { return OP(div)(a, b); }
FASTNN_INLINE vec v_muladd(vec a, vec b, vec c) { return OP(fma)(c, a, b); }
FASTNN_INLINE vec v_negmuladd(vec a, vec b, vec c) { return OP(fms)(c, a, b); }
FASTNN_INLINE vec v_residual(vec a, vec b, vec c) { return OP(fms)(c, a, b); }
FASTNN_INLINE vec v_select(mask m, vec yes, vec no) { return OP(bsl)(m, yes, no); }
FASTNN_INLINE mask v_lt(vec a, vec b) { return OP(clt)(a, b); }
FASTNN_INLINE mask v_eq(vec a, vec b) { return OP(ceq)(a, b); }
FASTNN_INLINE int v_any(mask m) { return vmaxvq_u32(AS_U32(m)) != 0; }
FASTNN_INLINE vec v_max(vec a, vec b) { return v_select(v_lt(b, a), a, b); }
FASTNN_INLINE vec v_min(vec a, vec b) { return v_select(v_lt(a, b), a, b); }
FASTNN_INLINE vec v_abs(vec a) { return OP(abs)(a); }
FASTNN_INLINE vec v_minus_abs(vec a) { return OP(neg)(OP(abs)(a)); }
FASTNN_INLINE vec v_copysign(vec magnitude, vec sign)
{
    return v_select(SET1_BITS((real_bits)1 << (FASTNN_REAL_BITS - 1)), sign, magnitude);
}
FASTNN_INLINE vec v_shift_up(vec n) { return FROM_BITS(SHIFT_UP(TO_BITS(n), MANTISSA_BITS)); }
FASTNN_INLINE vec v_exponent_bits(vec a) { return BITS_TO_REAL(SHIFT_DOWN(TO_BITS(a), MANTISSA_BITS)); }

FASTNN_INLINE vec v_even(vec a, vec b) { return OP(uzp1)(a, b); }
FASTNN_INLINE vec v_odd(vec a, vec b) { return OP(uzp2)(a, b); }
FASTNN_INLINE vec v_zip_low(vec a, vec b) { return OP(zip1)(a, b); }
FASTNN_INLINE vec v_zip_high(vec a, vec b) { return OP(zip2)(a, b); }

#if FASTNN_REAL_BITS == 32
#define FASTNN_HAS_LOOKUP
/* The table is 64 bytes; index i becomes the bytes 4 i to 4 i + 3. */
FASTNN_INLINE vec v_lookup(const real *table, vec a)
{
    uint32x4_t index = vandq_u32(SHIFT_DOWN(TO_BITS(a), MANTISSA_BITS - 1), vdupq_n_u32(15));
    uint32x4_t bytes = vmlaq_u32(vdupq_n_u32(0x03020100), index, vdupq_n_u32(0x04040404));
    uint8x16x4_t rows = vld1q_u8_x4((const uint8_t *)table);
    return vreinterpretq_f32_u8(vqtbl4q_u8(rows, vreinterpretq_u8_u32(bytes)));
}
#endif
