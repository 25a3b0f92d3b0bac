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
        LINE
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
    vec v_negmuladd(vec a, vec b, vec c)
    vec v_residual(vec a, vec b, vec c)
    vec v_max(vec a, vec b)
    vec v_min(vec a, vec b)
    vec v_abs(vec a)
    vec v_minus_abs(vec a)
    vec v_copysign(vec magnitude, vec sign)
    mask v_lt(vec a, vec b)
    mask v_le(vec a, vec b)
    mask v_eq(vec a, vec b)
    int v_any(mask m)
    vec v_select(mask m, vec yes, vec no)
    vec v_shift_up(vec n)
    vec v_exponent_bits(vec a)
    vec v_lookup(const real *table, vec a)
    vec v_scale(vec a, vec n)
    vec v_scale_normal(vec a, vec n)
    vec v_even(vec a, vec b)
    vec v_odd(vec a, vec b)
    vec v_zip_low(vec a, vec b)
    vec v_zip_high(vec a, vec b)
    void v_prefetch(const real *p)
    const real *v_pointer(const real *p)

cdef extern from "tile.h" nogil:
    ctypedef struct tile:
        pass

    enum:
        GROUPS
        STRIP_VECS
        MOST_SUMS

    void tile_rows(const real **x, int rows, const real *first, Py_ssize_t stride)
    void tile_zero(tile *t, int rows, int vecs)
    void tile_start(tile *t, int rows, int vecs, const real *start, Py_ssize_t stride)
    void tile_multiply(
        tile *t, int rows, int vecs, const real **x, Py_ssize_t x_stride, const real **panel,
        Py_ssize_t panel_step, Py_ssize_t panel_stride, Py_ssize_t depth, const real **ahead
    )
    void tile_add(tile *t, int rows, int vecs, const tile *other)
    void tile_add_stored(
        tile *t, int rows, int vecs, const real *out, Py_ssize_t stride, Py_ssize_t columns
    )
    void tile_floor(tile *t, int rows, int vecs, vec least)
    void tile_store(tile *t, int rows, int vecs, real *out, Py_ssize_t stride, Py_ssize_t columns)
