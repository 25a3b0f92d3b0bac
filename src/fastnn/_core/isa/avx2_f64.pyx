# The kernels of simd/avx2.h, float64.
include "../kernels/module.pxi"
