# The vocabulary, for Cython. simd.h says what each operation does, on one vector; here a vec is a pair of
# them.

cdef extern from "pair.h" nogil:
    ctypedef float real
    ctypedef struct vec "pair":
        pass
    ctypedef struct mask "pair_mask":
        pass

    enum:
        LANES "PAIR_LANES"
        VECTOR_LANES "LANES"
        PANEL
        TILE_ROWS
        TILE_VECS
        FUSED
        VIRTUAL_LANES
        ROW_VECS "ROW_PAIRS"
        EXPONENT_BIAS
        LINE
    real ROUNDER

    vec v_load "p_load"(const real *p)
    void v_store "p_store"(real *p, vec a)
    vec v_load_part "p_load_part"(const real *p, long n, vec fill)
    void v_store_part "p_store_part"(real *p, vec a, long n)
    vec v_set1 "p_set1"(real x)
    vec v_add "p_add"(vec a, vec b)
    vec v_sub "p_sub"(vec a, vec b)
    vec v_mul "p_mul"(vec a, vec b)
    vec v_div "p_div"(vec a, vec b)
    vec v_muladd "p_muladd"(vec a, vec b, vec c)
    vec v_negmuladd "p_negmuladd"(vec a, vec b, vec c)
    vec v_residual "p_residual"(vec a, vec b, vec c)
    vec v_max "p_max"(vec a, vec b)
    vec v_min "p_min"(vec a, vec b)
    vec v_abs "p_abs"(vec a)
    vec v_minus_abs "p_minus_abs"(vec a)
    vec v_copysign "p_copysign"(vec magnitude, vec sign)
    mask v_lt "p_lt"(vec a, vec b)
    mask v_eq "p_eq"(vec a, vec b)
    int v_any "p_any"(mask m)
    vec v_select "p_select"(mask m, vec yes, vec no)
    vec v_shift_up "p_shift_up"(vec n)
    vec v_exponent_bits "p_exponent_bits"(vec a)
    vec v_lookup "p_lookup"(const real *table, vec a)
    vec v_scale "p_scale"(vec a, vec n)
    vec v_even "p_even"(vec a, vec b)
    vec v_odd "p_odd"(vec a, vec b)
    vec v_zip_low "p_zip_low"(vec a, vec b)
    vec v_zip_high "p_zip_high"(vec a, vec b)
    void v_prefetch "p_prefetch"(const real *p)

cdef extern from "tile.h" nogil:
    ctypedef struct tile:
        pass
    ctypedef struct tile_memory:
        pass

    enum:
        GROUPS
        STRIP_VECS

    void tile_rows(const real **x, int rows, const real *first, Py_ssize_t stride)
    void tile_zero(tile *t, int rows, int vecs)
    void tile_add_start(tile *t, int rows, int vecs, const real *start, Py_ssize_t stride)
    void tile_multiply(
        tile *t, int rows, int vecs, const real **x, Py_ssize_t x_stride, const real **panel,
        Py_ssize_t panel_step, Py_ssize_t panel_stride, Py_ssize_t depth,
        const real **ahead, Py_ssize_t ahead_step
    )
    void tile_add_stored(
        tile *t, int rows, int vecs, const real *out, Py_ssize_t stride, Py_ssize_t columns
    )
    void tile_floor(tile *t, int rows, int vecs, real least)
    void tile_store(tile *t, int rows, int vecs, real *out, Py_ssize_t stride, Py_ssize_t columns)

cdef extern from "dots.h" nogil:
    ctypedef struct dots:
        pass

    enum:
        DOT_LANES
        DOTS_AT_ONCE
        MOST_DOTS
        MOST_DOT_ROWS
        MOST_DOT_GROUPS

    void dots_zero(dots *t, int rows, int outs)
    void dots_step(
        dots *t, int rows, int outs, const real **x, Py_ssize_t x_stride, const real *weights,
        Py_ssize_t weight_stride, long terms
    )
    void dots_join(const dots *t, int rows, int outs, real *sums)
