# The kernels of simd/avx2.h, float32.
include "../kernels/module.pxi"
