/* Dot products with few weights: lanes span k, so that none is idle where a layer has few outputs.
 *
 * A sum is DOT_LANES interleaved sums, term k in sum k mod DOT_LANES, whatever LANES is; then neighbours are added,
 * the sums of two in pairs, and so on. `rows` and `outs` are literals where these are called, as in tile.h. */
#ifndef FASTNN_DOTS_H
#define FASTNN_DOTS_H

#include "tile.h"

enum { DOT_LANES = 16, DOT_VECS = DOT_LANES / LANES, MOST_DOT_ROWS = 8, MOST_DOT_OUTS = 4 };
enum { MOST_DOT_GROUPS = (MOST_DOT_ROWS + GROUP - 1) / GROUP };
/* As many as leave half of the registers free. */
enum { DOT_REGISTERS = TILE_ROWS > 6 ? 16 : 8 };
enum { DOTS_AT_ONCE = (int)DOT_REGISTERS > (int)DOT_VECS ? DOT_REGISTERS / DOT_VECS : 1 };
enum { MOST_DOTS = (int)DOTS_AT_ONCE > (int)MOST_DOT_OUTS ? DOTS_AT_ONCE : MOST_DOT_OUTS };

typedef struct {
    vec at[MOST_DOT_ROWS][MOST_DOT_OUTS][DOT_VECS];
} dots;

#define EACH_OUT UNROLLED for (int j = 0; j < outs; j++)
#define EACH_DOT_VEC UNROLLED for (int v = 0; v < DOT_VECS; v++)

FASTNN_INLINE void dots_zero(dots *t, int rows, int outs)
{
    EACH_ROW EACH_OUT EACH_DOT_VEC t->at[i][j][v] = v_set1(0);
}

/* The next `terms` of every sum, DOT_LANES or fewer; weights are padded with zeros, x isn't. */
FASTNN_INLINE void dots_step(dots *t, int rows, int outs, const real **x, ptrdiff_t x_stride, const real *weights,
                             ptrdiff_t weight_stride, long terms)
{
    vec w[MOST_DOT_OUTS];
    EACH_DOT_VEC {
        long lanes = tile_lanes(terms, v);
        EACH_OUT w[j] = v_load(weights + j * weight_stride + v * LANES);
        EACH_ROW {
            const real *p = x[i / GROUP] + i % GROUP * x_stride + v * LANES;
            vec a = terms == DOT_LANES ? v_load(p) : v_load_part(p, lanes, v_set1(0));
            EACH_OUT t->at[i][j][v] = v_muladd(a, w[j], t->at[i][j][v]);
        }
    }
    EACH_GROUP x[g] += DOT_LANES;
}

/* Adds up neighbouring lanes of `count` vectors; returns how many vectors take the sums. */
FASTNN_INLINE int dots_add_pairs(vec *a, int count)
{
    UNROLLED for (int i = 0; i < (count + 1) / 2; i++)
    {
        vec next = a[2 * i + 1 < count ? 2 * i + 1 : 2 * i];
        a[i] = v_add(v_even(a[2 * i], next), v_odd(a[2 * i], next));
    }
    return (count + 1) / 2;
}

/* Writes the sums, row by row, and up to LANES - 1 reals more. */
FASTNN_INLINE void dots_join(const dots *t, int rows, int outs, real *sums)
{
    vec a[MOST_DOTS * DOT_VECS];
    int count = rows * outs * DOT_VECS;
    EACH_ROW EACH_OUT EACH_DOT_VEC a[(i * outs + j) * DOT_VECS + v] = t->at[i][j][v];
    count = dots_add_pairs(a, count);
    count = dots_add_pairs(a, count);
    count = dots_add_pairs(a, count);
    count = dots_add_pairs(a, count);
    UNROLLED for (int i = 0; i < count; i++) v_store(sums + i * LANES, a[i]);
}

#endif
