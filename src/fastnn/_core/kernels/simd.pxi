# The vocabulary of simd.h, for Cython; simd.h says what each operation does.

cdef extern from "simd.h" nogil:
    ctypedef float real
    ctypedef struct vec:
        pass
    ctypedef struct mask:
        pass

    enum:
        LANES
        PANEL
        TILE_ROWS
        TILE_VECS
        FUSED
        VIRTUAL_LANES
        ROW_VECS
        EXPONENT_BIAS
    real ROUNDER

    vec v_load(const real *p)
    void v_store(real *p, vec a)
    vec v_load_part(const real *p, long n, vec fill)
    void v_store_part(real *p, vec a, long n)
    vec v_set1(real x)
    vec v_add(vec a, vec b)
    vec v_sub(vec a, vec b)
    vec v_mul(vec a, vec b)
    vec v_div(vec a, vec b)
    vec v_muladd(vec a, vec b, vec c)
    vec v_fma(vec a, vec b, vec c)
    vec v_max(vec a, vec b)
    vec v_min(vec a, vec b)
    vec v_abs(vec a)
    vec v_copysign(vec magnitude, vec sign)
    mask v_lt(vec a, vec b)
    mask v_le(vec a, vec b)
    mask v_eq(vec a, vec b)
    vec v_select(mask m, vec yes, vec no)
    vec v_exponent_bits(vec a)
    vec v_lookup(const real *table, vec a)
    vec v_scale(vec a, vec n)
    vec v_scale_normal(vec a, vec n)
