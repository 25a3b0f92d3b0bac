/* Plain C, one lane: the oracle of the other headers, and what is left where none of them compiles. fma and
 * fmaf are exact by the C standard; without hardware for them they are slow. */
typedef real vec;
typedef int mask;

enum { LANES = 1, TILE_ROWS = 4, TILE_VECS = 2, FUSED = 1 };

#if FASTNN_REAL_BITS == 32
#define OP(name) name##f
#else
#define OP(name) name
#endif

FASTNN_INLINE vec v_load(const real *p) { return *p; }
FASTNN_INLINE void v_store(real *p, vec a) { *p = a; }
FASTNN_INLINE vec v_load_part(const real *p, long n, vec fill) { return n > 0 ? *p : fill; }
FASTNN_INLINE void v_store_part(real *p, vec a, long n)
{
    if (n > 0)
        *p = a;
}
FASTNN_INLINE vec v_set1(real x) { return x; }
FASTNN_INLINE vec v_add(vec a, vec b) { return a + b; }
FASTNN_INLINE vec v_sub(vec a, vec b) { return a - b; }
FASTNN_INLINE vec v_mul(vec a, vec b) { return a * b; }
FASTNN_INLINE vec v_div(vec a, vec b) { return a / b; }
FASTNN_INLINE vec v_muladd(vec a, vec b, vec c) { return OP(fma)(a, b, c); }
FASTNN_INLINE vec v_negmuladd(vec a, vec b, vec c) { return OP(fma)(-a, b, c); }
FASTNN_INLINE vec v_residual(vec a, vec b, vec c) { return OP(fma)(-a, b, c); }
FASTNN_INLINE vec v_max(vec a, vec b) { return a > b ? a : b; }
FASTNN_INLINE vec v_min(vec a, vec b) { return a < b ? a : b; }
FASTNN_INLINE vec v_abs(vec a) { return OP(fabs)(a); }
FASTNN_INLINE vec v_minus_abs(vec a) { return -OP(fabs)(a); }
FASTNN_INLINE vec v_copysign(vec magnitude, vec sign) { return OP(copysign)(magnitude, sign); }
FASTNN_INLINE mask v_lt(vec a, vec b) { return a < b; }
FASTNN_INLINE mask v_eq(vec a, vec b) { return a == b; }
FASTNN_INLINE int v_any(mask m) { return m; }
FASTNN_INLINE vec v_select(mask m, vec yes, vec no) { return m ? yes : no; }
FASTNN_INLINE vec v_even(vec a, vec b)
{
    (void)b;
    return a;
}
FASTNN_INLINE vec v_odd(vec a, vec b)
{
    (void)a;
    return b;
}
FASTNN_INLINE vec v_zip_low(vec a, vec b) { return v_even(a, b); }
FASTNN_INLINE vec v_zip_high(vec a, vec b) { return v_odd(a, b); }
FASTNN_INLINE real_bits bits_of(real a)
{
    real_bits bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}
FASTNN_INLINE vec v_shift_up(vec n)
{
    real_bits bits = bits_of(n) << MANTISSA_BITS;
    memcpy(&n, &bits, sizeof n);
    return n;
}
FASTNN_INLINE vec v_exponent_bits(vec a) { return (real)(bits_of(a) >> MANTISSA_BITS); }
