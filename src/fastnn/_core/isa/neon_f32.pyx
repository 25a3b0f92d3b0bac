# The kernels of simd/neon.h, float32.
include "../kernels/module.pxi"
