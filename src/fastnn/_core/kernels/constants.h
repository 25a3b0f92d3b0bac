/* The constants of the elementary functions, for the real type of simd.h. `sollya tools/polynomials.sollya`
 * prints the polynomials, constant term first; functions.pxi says what each approximates. */
#ifndef FASTNN_CONSTANTS_H
#define FASTNN_CONSTANTS_H

#include "simd.h"

/* log(2) = LN2_HI + LN2_LO; LN2_HI has so few bits that its product with any exponent is exact.
 * Outside [EXP_MIN, EXP_MAX], exp rounds to 0 or overflows; beyond TANH_MAX, tanh rounds to 1. */
#if FASTNN_REAL_BITS == 32
#define LOG2_E 0x1.715476p0f
#define LN2_HI 0x1.62e4p-1f
#define LN2_LO 0x1.7f7d1cp-20f
#define EXP_MIN -104.0f
#define EXP_MAX 89.0f
#define TANH_MAX 10.0f
/* relative error 2^-31 */
static const real EXP_POLY[] = {
    0x1p-1f, 0x1.555556p-3f, 0x1.555502p-5f, 0x1.110fc2p-7f,
    0x1.6d2e06p-10f, 0x1.a2d99ap-13f
};
/* relative error 2^-29 */
static const real TANH_POLY[] = {
    -0x1.555556p-2f, 0x1.11113ap-3f, -0x1.ba1b1ep-5f, 0x1.65821ap-6f,
    -0x1.15c6bep-7f, 0x1.3cd7b2p-9f
};
/* relative error 2^-28 */
static const real LOG_POLY[] = {
    0x1.55555cp-1f, 0x1.997b84p-2f, 0x1.2efb0cp-2f
};
#else
#define LOG2_E 0x1.71547652b82fep0
#define LN2_HI 0x1.62e42fefa38p-1
#define LN2_LO 0x1.ef35793c7673p-45
#define EXP_MIN -746.0
#define EXP_MAX 710.0
#define TANH_MAX 20.0
/* relative error 2^-61 */
static const real EXP_POLY[] = {
    0x1p-1, 0x1.5555555555557p-3, 0x1.5555555555557p-5, 0x1.1111111110051p-7,
    0x1.6c16c16c156a5p-10, 0x1.a01a01ac1de81p-13, 0x1.a01a01ab9882bp-16, 0x1.71de01acf7607p-19,
    0x1.27e4cfaf0e60fp-22, 0x1.af4ecab92d52fp-26, 0x1.1f86f0b035526p-29
};
/* relative error 2^-59 */
static const real TANH_POLY[] = {
    -0x1.5555555555555p-2, 0x1.1111111111036p-3, -0x1.ba1ba1ba07e1bp-5, 0x1.664f487c5be94p-6,
    -0x1.226e343bbd1fep-7, 0x1.d6d391ed5676p-9, -0x1.7d9ef943b8991p-10, 0x1.3522efdb9bfbbp-11,
    -0x1.f216a782e4439p-13, 0x1.83a67ded44b03p-14, -0x1.047a13f38d28ep-15, 0x1.aec8dcff2ca2ep-18
};
/* relative error 2^-57 */
static const real LOG_POLY[] = {
    0x1.5555555555558p-1, 0x1.999999999526cp-2, 0x1.2492492e05c6ep-2, 0x1.c71c62c87464cp-3,
    0x1.7462bd3789f98p-3, 0x1.39fd41d4fb171p-3, 0x1.2b6619923fb18p-3
};
#endif

/* Below TANH_SPLIT, tanh is a polynomial; from there on it is at least 1/2, and 1 minus a fraction. */
#define TANH_SPLIT ((real)0.625)
#define SQRT_2 ((real)1.4142135623730951)

enum {
    EXP_TERMS = sizeof EXP_POLY / sizeof(real),
    TANH_TERMS = sizeof TANH_POLY / sizeof(real),
    LOG_TERMS = sizeof LOG_POLY / sizeof(real)
};

#endif
