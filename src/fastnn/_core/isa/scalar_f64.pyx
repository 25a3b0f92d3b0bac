# The kernels of simd/scalar.h, float64.
include "../kernels/module.pxi"
