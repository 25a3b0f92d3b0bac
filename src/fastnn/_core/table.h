/* What an instruction set offers to the engine: one table of kernels for each real type.
 *
 * Kernels take C pointers to reals of the table's type and sizes in elements. They allocate nothing, touch
 * nothing outside the arrays they are given, and ask for no alignment. No two arguments overlap, but `out`
 * may be `z` itself. */
#ifndef FASTNN_TABLE_H
#define FASTNN_TABLE_H

#include <stddef.h>

#include "activation_numbers.h"

enum { FASTNN_START_PANELS = 4, FASTNN_MOST_PARAMETERS = 2 };

/* out = activation(start + x panels) for `rows` rows of x: the product of (rows, depth) and (depth, width).
 *
 * `panels` holds the second factor in panels of PANEL columns, each (depth, PANEL) row by row, the last one
 * (depth, LANES) if no more than LANES columns are left. `start` is what is added to the sums (a bias): a row
 * of whole panels, `start_stride` apart for successive rows (0: the same for all).
 *
 * With a `column_stride`, the lanes are the examples: x is the weight, `panels` holds the inputs in columns (see
 * to_columns), a row of out is one output of `width` examples, whole panels, and softmax runs down the columns.
 * A row of `start` is then FASTNN_START_PANELS panels of one bias, whatever the width.
 *
 * With a `weight_stride`, for few outputs and many inputs, `panels` holds the weight itself: `width` rows of `depth`
 * reals, that far apart, each followed by zeros up to a multiple of 16. */
typedef struct {
    const void *x;
    ptrdiff_t x_stride;
    ptrdiff_t rows;
    ptrdiff_t depth;
    ptrdiff_t width;
    const void *panels;
    const void *start;
    ptrdiff_t start_stride;
    void *out;
    ptrdiff_t out_stride;
    int padded; /* whether rows of out have room for whole vectors, whose other lanes are then undefined */
    int activation;
    double parameters[FASTNN_MOST_PARAMETERS]; /* the activation's */
    ptrdiff_t column_stride;
    ptrdiff_t weight_stride;
    const void *ahead; /* what is read after this layer, that many reals: asked for meanwhile; or NULL */
    ptrdiff_t ahead_size;
} fastnn_dense;

typedef struct {
    int lanes;
    int panel;
    int tile_rows;
    int fused;
    void (*dense)(const fastnn_dense *job);
    /* out[i] = activation(z[i]), and its derivative, of an elementwise activation */
    void (*activate)(int activation, const double *parameters, const void *z, void *out, ptrdiff_t n);
    void (*differentiate)(int activation, const double *parameters, const void *z, void *out, ptrdiff_t n);
    /* softmax or log-softmax of each row of z, in place */
    void (*normalize)(int activation, void *z, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t n);
    /* columns[k * width + r] = rows[r * stride + k] for k < n, zero for r from `count` to the next whole panel;
     * and back */
    void (*to_columns)(const void *rows, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t n, void *columns,
                       ptrdiff_t width);
    void (*from_columns)(const void *columns, ptrdiff_t width, ptrdiff_t count, ptrdiff_t n, void *rows,
                         ptrdiff_t stride);
    /* For benchmarks: tile_rows x (panel / lanes) chains of `steps` (a multiple of 4) multiply-adds in registers, and
     * n reals read by whole vectors `times` times. Both return the sum of what they had, so that it is done. */
    double (*multiply_adds)(ptrdiff_t steps);
    double (*read)(const void *p, ptrdiff_t n, ptrdiff_t times);
    /* For tests: out[i] = e^-|z[i]|; with `normal`, what is used where no result is subnormal, and there alone right. */
    void (*exponential)(int normal, const void *z, void *out, ptrdiff_t n);
} fastnn_kernels;

#endif
