# The kernels of simd/scalar.h, float32.
include "../kernels/module.pxi"
