#include "variants.hpp"

#include <cstdlib>
#include <stdexcept>

#include "../cpu_features.hpp"
#include "variants/available.hpp"

namespace pyscore {

static Variant offered(Variant variant, bool available) {
    variant.available = available;
    return variant;
}

const std::vector<Variant> &variants() {
    static const std::vector<Variant> table{
#if defined(PYSCORE_HAS_AVX512_BF16)
        offered(avx512_bf16::variant(), cpu_features().avx512_bf16),
#endif
#if defined(PYSCORE_HAS_AVX)
        offered(avx512::variant(), cpu_features().avx512),
        offered(avx2::variant(), cpu_features().avx2),
#endif
        offered(portable::variant(), true),
    };
    return table;
}

const Variant &chosen_variant() {
    const char *wanted = std::getenv("PYSCORE_CPU_ISA");
    const bool any = wanted == nullptr || *wanted == '\0';
    std::string usable;
    for (const Variant &variant : variants()) {
        if (variant.available && (any || std::string(variant.name) == wanted)) {
            return variant;
        }
        if (variant.available) {
            usable += usable.empty() ? "" : ", ";
            usable += variant.name;
        }
    }
    throw std::invalid_argument("PYSCORE_CPU_ISA=" + std::string(wanted) +
                                " is not an instruction set that this build and machine have; choose one of " + usable +
                                ", or unset it");
}

} // namespace pyscore
