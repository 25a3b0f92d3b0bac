# The kernels of simd/sse2.h, float32.
include "../kernels/module.pxi"
