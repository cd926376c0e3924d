// Which variants this compiler and architecture can build.
#pragma once

#include "../variants.hpp"

#if defined(__x86_64__)
#define PYSCORE_HAS_AVX 1
#if defined(__clang__) || __GNUC__ >= 10
#define PYSCORE_HAS_AVX512_BF16 1
#endif
#endif

namespace pyscore {
namespace avx512_bf16 {
const Variant &variant();
}
namespace avx512 {
const Variant &variant();
}
namespace avx2 {
const Variant &variant();
}
namespace portable {
const Variant &variant();
}
} // namespace pyscore
