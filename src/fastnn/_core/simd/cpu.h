/* What the processor has and the operating system saves (XGETBV), for each instruction set of setup.py. */
#ifndef FASTNN_CPU_H
#define FASTNN_CPU_H

#if defined(__x86_64__) || defined(_M_X64)

#if defined(_MSC_VER)
#include <intrin.h>

/* Leaf 1 ECX: FMA 12, OSXSAVE 27. Leaf 7 EBX: AVX2 5, AVX-512 F 16, DQ 17, BW 30, VL 31 (Intel SDM, CPUID).
 * XCR0: SSE and AVX state 0x06, AVX-512 state 0xe0. */
static int cpu_has(int leaf7_bits, unsigned long long state)
{
    int leaf[4];
    __cpuid(leaf, 0);
    if (leaf[0] < 7)
        return 0;
    __cpuid(leaf, 1);
    if (!(leaf[2] >> 12 & 1) || !(leaf[2] >> 27 & 1) || (_xgetbv(0) & state) != state)
        return 0;
    __cpuidex(leaf, 7, 0);
    return (leaf[1] & leaf7_bits) == leaf7_bits;
}
static int cpu_has_avx2(void) { return cpu_has(1 << 5, 0x06); }
static int cpu_has_avx512(void)
{
    return cpu_has((int)(1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31), 0xe6);
}
#else
/* GCC's and Clang's run-time library asks CPUID and XGETBV both. */
static int cpu_has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static int cpu_has_avx512(void)
{
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif
static int cpu_has_sse2(void) { return 1; }
static int cpu_has_neon(void) { return 0; }

#else

static int cpu_has_avx2(void) { return 0; }
static int cpu_has_avx512(void) { return 0; }
static int cpu_has_sse2(void) { return 0; }
#if defined(__aarch64__) || defined(_M_ARM64)
static int cpu_has_neon(void) { return 1; }
#else
static int cpu_has_neon(void) { return 0; }
#endif

#endif

#endif
