# The kernels of simd/avx512.h, float32.
include "../kernels/module.pxi"
