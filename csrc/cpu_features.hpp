// The only probe of the processor: instruction sets and the L2 cache. Asks cpuid itself: __builtin_cpu_supports knows
// other names in each compiler.
#pragma once

#include <cstdint>

#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pyscore {

struct CpuFeatures {
    bool avx2 = false;        // with FMA and F16C
    bool avx512 = false;      // F, BW, DQ, VL
    bool avx512_bf16 = false; // the above with VDPBF16PS
};

#if defined(__x86_64__)

inline CpuFeatures probe_cpu() {
    CpuFeatures found;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) {
        return found;
    }
    const bool fma_f16c = (ecx & (1U << 12 | 1U << 29)) == (1U << 12 | 1U << 29), osxsave = (ecx >> 27 & 1U) != 0;
    if (!osxsave) {
        return found;
    }
    // The processor may have registers that the operating system doesn't save: XCR0 says which it does.
    std::uint32_t xcr0 = 0, xcr0_high = 0;
    __asm__("xgetbv" : "=a"(xcr0), "=d"(xcr0_high) : "c"(0));
    const bool saves_ymm = (xcr0 & 0x06U) == 0x06U, saves_zmm = (xcr0 & 0xe6U) == 0xe6U;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) {
        return found;
    }
    const unsigned avx512_bits = 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31; // F, DQ, BW, VL
    const unsigned subleaves = eax;
    found.avx2 = saves_ymm && fma_f16c && (ebx >> 5 & 1U) != 0;
    found.avx512 = found.avx2 && saves_zmm && (ebx & avx512_bits) == avx512_bits;
    if (found.avx512 && subleaves >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) {
        found.avx512_bf16 = (eax >> 5 & 1U) != 0;
    }
    return found;
}

#else

inline CpuFeatures probe_cpu() { return {}; }

#endif

inline const CpuFeatures &cpu_features() {
    static const CpuFeatures features = probe_cpu();
    return features;
}

// Bytes of one core's second-level cache; 1 MiB where the system doesn't say.
inline std::int64_t l2_bytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
    static const std::int64_t told = sysconf(_SC_LEVEL2_CACHE_SIZE);
#else
    constexpr std::int64_t told = 0;
#endif
    return told > 0 ? told : std::int64_t{1} << 20;
}

} // namespace pyscore
