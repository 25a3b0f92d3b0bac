# The kernels of simd/avx512.h, float64.
include "../kernels/module.pxi"
