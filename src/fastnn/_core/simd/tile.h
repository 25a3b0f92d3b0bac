/* The register tile: rows x vecs vectors of sums, the product's innermost loop, and what happens to the sums
 * before and after it.
 *
 * `rows` and `vecs` are literals where these are called, and everything is inlined there. Every loop over them is
 * unrolled because the pragma says so: the compilers' own judgement comes too late for the sums to be kept in
 * registers, and Cython can't say it. Vectors beyond TILE_VECS belong to the panels to the right. */
#ifndef FASTNN_TILE_H
#define FASTNN_TILE_H

#include "simd.h"
#include "table.h"

#if defined(_MSC_VER)
#define UNROLLED
#elif defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif
#define EACH_ROW UNROLLED for (int i = 0; i < rows; i++)
#define EACH_VEC UNROLLED for (int j = 0; j < vecs; j++)
/* A group of rows is addressed from one pointer: x, x + stride, x + 2 stride. */
enum { GROUP = 3, GROUPS = (TILE_ROWS + GROUP - 1) / GROUP };
/* One row needs this many sums at once to hide the latency of a multiply-add. */
enum { STRIP_VECS = FASTNN_START_PANELS * TILE_VECS };
/* For a tile's sums. Three rows by two panels are six panels' worth of sums. */
typedef struct {
    vec at[(TILE_ROWS > 6 ? TILE_ROWS : 6) * TILE_VECS];
} tile_memory;
#define EACH_GROUP UNROLLED for (int g = 0; g * GROUP < rows; g++)

typedef struct {
    vec at[TILE_ROWS][STRIP_VECS];
} tile;

FASTNN_INLINE void tile_zero(tile *t, int rows, int vecs)
{
    EACH_ROW EACH_VEC t->at[i][j] = v_set1(0);
}

FASTNN_INLINE void tile_floor(tile *t, int rows, int vecs, real least)
{
    EACH_ROW EACH_VEC t->at[i][j] = v_max(v_set1(least), t->at[i][j]);
}

/* Whole vectors of biases, whatever `columns` the tile has. */
FASTNN_INLINE void tile_add_start(tile *t, int rows, int vecs, const real *start, ptrdiff_t stride)
{
    if (stride == 0)
        EACH_VEC {
            vec same = v_load(start + j * LANES);
            EACH_ROW t->at[i][j] = v_add(same, t->at[i][j]);
        }
    else
        EACH_ROW EACH_VEC t->at[i][j] = v_add(v_load(start + i * stride + j * LANES), t->at[i][j]);
}

FASTNN_INLINE long tile_lanes(ptrdiff_t columns, int j)
{
    ptrdiff_t left = columns - j * LANES;
    return left < 0 ? 0 : left < LANES ? (long)left : LANES;
}

FASTNN_INLINE void tile_add_stored(tile *t, int rows, int vecs, const real *out, ptrdiff_t stride, ptrdiff_t columns)
{
    if (columns == vecs * LANES)
        EACH_ROW EACH_VEC t->at[i][j] = v_add(v_load(out + i * stride + j * LANES), t->at[i][j]);
    else
        EACH_VEC {
            long lanes = tile_lanes(columns, j);
            EACH_ROW t->at[i][j] =
                v_add(v_load_part(out + i * stride + j * LANES, lanes, v_set1(0)), t->at[i][j]);
        }
}

FASTNN_INLINE void tile_store(const tile *t, int rows, int vecs, real *out, ptrdiff_t stride, ptrdiff_t columns)
{
    if (columns == vecs * LANES)
        EACH_ROW EACH_VEC v_store(out + i * stride + j * LANES, t->at[i][j]);
    else
        EACH_VEC {
            long lanes = tile_lanes(columns, j);
            EACH_ROW v_store_part(out + i * stride + j * LANES, t->at[i][j], lanes);
        }
}

/* One term of every sum. */
FASTNN_INLINE void tile_step(tile *t, int rows, int vecs, const real **x, ptrdiff_t x_stride, const real *panel,
                             ptrdiff_t panel_stride)
{
    vec b[STRIP_VECS];
    EACH_VEC b[j] = v_load(panel + j / TILE_VECS * panel_stride + j % TILE_VECS * LANES);
    EACH_ROW {
        vec a = v_set1(x[i / GROUP][i % GROUP * x_stride]);
        EACH_VEC t->at[i][j] = v_muladd(a, b[j], t->at[i][j]);
    }
    EACH_GROUP x[g]++;
}

/* t += x panel, over `depth` terms; x and panel are left behind the last. With every two terms, a line of memory
 * that is soon needed is asked for: `ahead`, which then moves on by a step. */
FASTNN_INLINE void tile_multiply(tile *t, int rows, int vecs, const real **x, ptrdiff_t x_stride,
                                 const real **panel, ptrdiff_t panel_step, ptrdiff_t panel_stride, ptrdiff_t depth,
                                 const real **ahead, ptrdiff_t ahead_step)
{
    const real *p = *panel;
    const real *lines = *ahead;
    ptrdiff_t k;
    for (k = depth; k > 1; k -= 2) {
        v_prefetch(lines);
        lines += ahead_step;
        tile_step(t, rows, vecs, x, x_stride, p, panel_stride);
        p += panel_step;
        tile_step(t, rows, vecs, x, x_stride, p, panel_stride);
        p += panel_step;
    }
    if (k > 0) {
        tile_step(t, rows, vecs, x, x_stride, p, panel_stride);
        p += panel_step;
    }
    *panel = p;
    *ahead = lines;
}

FASTNN_INLINE void tile_rows(const real **x, int rows, const real *first, ptrdiff_t stride)
{
    EACH_GROUP x[g] = v_pointer(first + g * GROUP * stride);
}

#endif
