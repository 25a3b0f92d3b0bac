# The kernels of simd/neon.h, float64.
include "../kernels/module.pxi"
