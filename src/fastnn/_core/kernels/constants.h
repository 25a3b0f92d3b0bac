/* The constants of the elementary functions, for the real type of simd.h. `sollya tools/polynomials.sollya`
 * prints the polynomials, constant term first; `python tools/tanh_table.py` prints the table. */
#ifndef FASTNN_CONSTANTS_H
#define FASTNN_CONSTANTS_H

#include "simd.h"

/* log(2) = LN2_HI + LN2_LO; LN2_HI has so few bits that its product with any exponent is exact.
 * Below EXP_MIN, exp times 2^SUM_SCALE rounds to 0; from EXP_NORMAL on it is normal. Below TANH_SPLIT, tanh is a
 * polynomial; at TANH_MAX it has long rounded to 1. Below EXP_ZERO, e^x times any number rounds to 0; below EXP_FAR,
 * 1 + e^x has long rounded to 1. SELU's constants (Klambauer et al., 2017) are rounded down, so that their lower parts
 * are positive: then infinities and -0 pass through the products. */
#if FASTNN_REAL_BITS == 32
#define LOG2_E 0x1.715476p0f
#define LN2_HI 0x1.62e4p-1f
#define LN2_LO 0x1.7f7d1cp-20f
#define EXP_MIN -149.0f
#define EXP_NORMAL -87.0f
#define EXP_ZERO -194.0f
#define TANH_SPLIT 0x1p-4f
#define TANH_MAX 15.5f
#define SELU_HI 0x1.0cfabcp+0f
#define SELU_LO 0x1.6a9114p-24f
#define SELU_ALPHA_HI 0x1.c212ccp+0f
#define SELU_ALPHA_LO 0x1.903c0cp-26f
/* relative error 2^-31 */
static const real EXP_POLY[] = {
    0x1p-1f, 0x1.555556p-3f, 0x1.555502p-5f, 0x1.110fc2p-7f,
    0x1.6d2e06p-10f, 0x1.a2d99ap-13f
};
/* relative error 2^-31.2 */
static const real TANH_POLY[] = {-0x1.55554ep-2f, 0x1.10a18ap-3f};
/* relative error 2^-28 */
static const real LOG_POLY[] = {
    0x1.55555cp-1f, 0x1.997b84p-2f, 0x1.2efb0cp-2f
};
/* From GELU_MAX and GELU_TANH_MAX on, what gelu and gelu_tanh lack of z or 0 rounds to 0. A + B y^2 is
 * 2 sqrt(2 / pi) (1 + 0.044715 y^2), each in two parts. GELU_POLY's argument has GELU_SHIFT in it. */
#define GELU_MAX 14.75f
#define GELU_TANH_MAX 11.5f
#define GELU_A_HI 0x1.988454p+0f
#define GELU_A_LO -0x1.857936p-25f
#define GELU_B_HI 0x1.2444f2p-4f
#define GELU_B_LO 0x1.49b16ap-29f
#define GELU_SHIFT 3.375f
/* relative error 2^-27.4 */
static const real GELU_POLY[] = {
    0x1.7b6eep-1f, -0x1.1b21ccp-1f, 0x1.2e7702p-2f, -0x1.92fb76p-4f,
    0x1.1db8a4p-7f, 0x1.0067f2p-7f, -0x1.27224cp-9f, -0x1.bd7c1ep-11f,
    0x1.44914ap-12f, 0x1.1ad6f2p-13f
};
#define TANH_BY_TABLE 1
/* relative error 2^-27.3 */
static const real TANH_TABLE[][16] = {
    {0x1.3ff6bcp+1f, 0x1.bffdc0p+1f, 0x1.3ffc3cp+2f, 0x1.bff060p+2f,
     0x1.400fa0p+3f, 0x1.c00fa0p+3f, 0x1.3ff3f2p-4f, 0x1.bff782p-4f,
     0x1.400ba8p-3f, 0x1.bffda6p-3f, 0x1.400624p-2f, 0x1.c0023cp-2f,
     0x1.400dfap-1f, 0x1.c00810p-1f, 0x1.3ff0e4p+0f, 0x1.bff09ap+0f},
    {0x1.f92486p-1f, 0x1.ff1124p-1f, 0x1.fff418p-1f, 0x1.ffffc8p-1f,
     0x1.000000p+0f, 0x1.000000p+0f, 0x1.3f4dc2p-4f, 0x1.be3074p-4f,
     0x1.3d7728p-3f, 0x1.b8fac6p-3f, 0x1.35ff1ep-2f, 0x1.a5747ap-2f,
     0x1.1bfe2cp-1f, 0x1.686a62p-1f, 0x1.b249c2p-1f, 0x1.e1f878p-1f},
    {0x1.b3ee28p-6f, 0x1.dd4890p-9f, 0x1.7cf90cp-13f, 0x1.bf4442p-19f,
     0x1.1818a0p-27f, 0x1.80de16p-39f, 0x1.fce37ap-1f, 0x1.f9eca6p-1f,
     0x1.f3b27ep-1f, 0x1.e84308p-1f, 0x1.d113c4p-1f, 0x1.a944f6p-1f,
     0x1.627a08p-1f, 0x1.024a50p-1f, 0x1.1f41d4p-2f, 0x1.d26170p-4f},
    {-0x1.ae16eap-6f, -0x1.dc6ac8p-9f, -0x1.7d3160p-13f, -0x1.bcaaf6p-19f,
     -0x1.21f30ep-26f, -0x1.8e6810p-38f, -0x1.3d5d12p-4f, -0x1.b8e50ep-4f,
     -0x1.35d652p-3f, -0x1.a488c2p-3f, -0x1.19962cp-2f, -0x1.5e0ff4p-2f,
     -0x1.893cd8p-2f, -0x1.6ba3d8p-2f, -0x1.e75064p-3f, -0x1.b706d4p-4f},
    {0x1.170450p-6f, 0x1.3c73bep-9f, 0x1.fc19e8p-14f, 0x1.2a4e72p-19f,
     0x1.86b5fep-28f, 0x1.0c6de0p-39f, -0x1.4ce50cp-2f, -0x1.4512eap-2f,
     -0x1.35369ep-2f, -0x1.183908p-2f, -0x1.c19304p-3f, -0x1.16d9aep-3f,
     -0x1.23572ap-6f, 0x1.4f25d8p-4f, 0x1.bbb1cap-4f, 0x1.01d108p-4f},
    {-0x1.07f194p-7f, -0x1.39f97ap-10f, -0x1.f5d60ap-15f, -0x1.324f0cp-20f,
     0x1.159c96p-29f, 0x1.7d743ap-41f, 0x1.a7257ap-5f, 0x1.21d5ecp-4f,
     0x1.8e80a8p-4f, 0x1.04eb74p-3f, 0x1.43dcc4p-3f, 0x1.5c2a18p-3f,
     0x1.1a597ap-3f, 0x1.f1e9e0p-5f, -0x1.9b9e00p-7f, -0x1.817984p-6f},
    {0x1.77277ep-9f, 0x1.ef1ba4p-12f, 0x1.92102cp-16f, 0x1.d930ecp-22f,
     0x1.f0dc94p-31f, 0x1.555b74p-42f, -0x1.1866c0p+0f, -0x1.42e65ap+0f,
     0x1.15de46p-2f, 0x1.16a062p-4f, 0x1.315438p-5f, -0x1.560f92p-7f,
     -0x1.bb88f2p-5f, -0x1.e2e73cp-5f, -0x1.3b98dep-6f, 0x1.e4bb20p-9f},
    {-0x1.6e6f1ep-11f, -0x1.496eaep-13f, -0x1.354ad0p-17f, -0x1.379ebap-23f,
     -0x1.4ca150p-30f, -0x1.c90d60p-42f, -0x1.30ef10p+0f, -0x1.772814p-1f,
     -0x1.7f349ap-4f, -0x1.5bb25ep-4f, -0x1.3144c0p-4f, -0x1.00f80ap-4f,
     -0x1.897f44p-6f, 0x1.a508c2p-7f, 0x1.ee5f64p-7f, 0x1.116880p-9f},
    {0x1.fbe93ep-15f, 0x1.5e4a06p-15f, 0x1.5b7ec2p-19f, 0x1.97c7b0p-25f,
     0x1.6e354cp-33f, 0x1.f730e0p-45f, 0x1.42e47ep+11f, 0x1.6df870p+11f,
     -0x1.5b9338p+6f, 0x1.1dec16p+3f, 0x1.15da72p+0f, 0x1.303024p-1f,
     -0x1.0a7148p-8f, 0x1.d9a002p-7f, -0x1.0edae0p-8f, -0x1.05f0ccp-9f},
};
#else
#define LOG2_E 0x1.71547652b82fep0
#define LN2_HI 0x1.62e42fefa38p-1
#define LN2_LO 0x1.ef35793c7673p-45
#define EXP_MIN -791.0
#define EXP_NORMAL -708.0
#define EXP_ZERO -1456.0
#define TANH_SPLIT 0.625
#define TANH_MAX 20.0
#define SELU_HI 0x1.0cfabd6a91132p+0
#define SELU_LO 0x1.6fc7d272f2695p-55
#define SELU_ALPHA_HI 0x1.c212cc640f031p+0
#define SELU_ALPHA_LO 0x1.05161b045a1fep-56
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
#define GELU_MAX 39.0
#define GELU_TANH_MAX 22.5
#define GELU_A_HI 0x1.9884533d43651p+0
#define GELU_A_LO -0x1.cbc0d30ebfd15p-54
#define GELU_B_HI 0x1.2444f2a4d8b4bp-4
#define GELU_B_LO -0x1.6c843a29d1c70p-61
#define GELU_SHIFT 4.375
/* relative error 2^-57.8 */
static const real GELU_POLY[] = {
    0x1.85de05e81f095p-1, -0x1.44103a7b38cdep-1, 0x1.bb111da3ac48p-2, -0x1.e568c1d443edap-3,
    0x1.9248786f1f076p-4, -0x1.af01a34c293a6p-6, 0x1.7d8ed1a8a74e1p-10, 0x1.1180681dd3fd2p-9,
    -0x1.64ce5208643cep-11, -0x1.cdce21f2abdp-14, 0x1.b31e74496f509p-14, 0x1.ece4a5e2debf9p-19,
    -0x1.0131207ba4e18p-16, -0x1.1bf08fd82fd7ap-24, 0x1.4b242243fdec3p-19, 0x1.9e69e4ce73d48p-24,
    -0x1.c816de0d21b33p-22, -0x1.df7c320a9b9cep-25, 0x1.34e7fe70dda5ap-24, 0x1.4b2e5a3ec2987p-26,
    -0x1.5e9315099490ap-27, -0x1.2c846ebcb5674p-28, 0x1.d192260fb40e8p-31, 0x1.11809b8385974p-31
};
#define TANH_BY_TABLE 0
static const real TANH_TABLE[][16] = {{0}};
#endif

/* What the exponentials in a log-softmax are multiplied by: many subnormal ones can have a normal sum. */
#define SUM_SCALE 64
#define EXP_FAR (EXP_NORMAL / 2)
#define REAL_MAX (FASTNN_REAL_BITS == 32 ? FLT_MAX : DBL_MAX)
#define SQRT_2 ((real)1.4142135623730951)
#define INVERSE_ROOT_2_PI ((real)0x1.9884533d43651p-2)

enum {
    EXP_TERMS = sizeof EXP_POLY / sizeof(real),
    TANH_TERMS = sizeof TANH_POLY / sizeof(real),
    LOG_TERMS = sizeof LOG_POLY / sizeof(real),
    GELU_TERMS = sizeof GELU_POLY / sizeof(real),
    TANH_ROWS = sizeof TANH_TABLE / sizeof TANH_TABLE[0]
};

#endif
