# The kernels of simd/sse2.h, float64.
include "../kernels/module.pxi"
